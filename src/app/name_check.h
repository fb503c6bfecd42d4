#pragma once

#include "app/server_files.h"
#include "config/diagnostic.h"
#include "config/model.h"

namespace lintel::app {

/// Looks up every name that servers of `config` and of its files are given by, once and as its resolver says,
/// and warns in `report` of those that stand for nothing now. Blocks for as long as the name servers have to
/// answer.
void check_names(const config::Config& config, const ServerLists& lists, config::Report& report);

}  // namespace lintel::app
