#pragma once

// Databases: a check begins a session as the named role without a password. A server that takes it, or that
// refuses this role only, is well; one that takes nobody is not.

#include <memory>
#include <string>

#include "health/recipe.h"

namespace lintel::health {

/// PostgreSQL's protocol 3.0.
[[nodiscard]] std::unique_ptr<Recipe> make_postgres_recipe(std::string user);
/// MySQL's and MariaDB's protocol 4.1. The session goes on to its end, or the server would count it among
/// the broken ones for which it shuts a host out.
[[nodiscard]] std::unique_ptr<Recipe> make_mysql_recipe(std::string user);

}  // namespace lintel::health
