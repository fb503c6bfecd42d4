#pragma once

// From a configuration as it is written to one in which every server has an address.

#include <functional>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "app/names.h"
#include "app/server_files.h"
#include "proxy/snapshot.h"

namespace lintel::app {

/// What a name stands for; null: that is not known.
using FindName = std::function<const std::vector<Found>*(const Name& name)>;

/// The name that `server` is given by, if it is.
[[nodiscard]] std::optional<Name> name_of(const config::Server& server);

/// The names in the pools of `config` and in their files.
[[nodiscard]] std::set<Name> names_of(const config::Config& config, const ServerLists& lists);

/// `written` with the servers of the files, and with what names stand for in their place: one server for each
/// address, with all settings of the one that is written. Names that are not known are left out.
[[nodiscard]] std::shared_ptr<const proxy::Snapshot> expand(const proxy::Snapshot& written,
                                                            const ServerLists& lists, const FindName& find);

/// The same without asking anybody: names stay, and could be anywhere.
[[nodiscard]] std::shared_ptr<const proxy::Snapshot> expand_offline(const proxy::Snapshot& written,
                                                                    const ServerLists& lists);

/// What became of the servers of a pool, in words for the log; empty: nothing.
[[nodiscard]] std::string describe_change(const config::Pool& before, const config::Pool& after);

}  // namespace lintel::app
