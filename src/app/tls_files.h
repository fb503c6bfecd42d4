#pragma once

// The certificates and keys that a configuration names, loaded: part of checking it, and what runs then.

#include <memory>

#include "config/diagnostic.h"
#include "config/model.h"
#include "proxy/snapshot.h"
#include "tls/ticket_keys.h"

namespace lintel::app {

/// Loads every TLS context of `config`; what is wrong goes to `report` at its place. Blocks on files.
[[nodiscard]] proxy::TlsContexts load_tls(const config::Config& config,
                                          const std::shared_ptr<tls::TicketKeys>& tickets,
                                          config::Report& report);

}  // namespace lintel::app
