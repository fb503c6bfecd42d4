#pragma once

#include "config/diagnostic.h"
#include "config/model.h"

namespace lintel::route {

/// What config/ cannot check of routes because it takes what routes are compiled with: regular expressions
/// and texts with variables.
/// Adds messages at the keys of settings. A configuration that it finds no error in can be compiled.
void check_routes(const config::Config& config, config::Report& report);

}  // namespace lintel::route
