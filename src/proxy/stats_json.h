#pragma once

#include "base/buffer.h"
#include "proxy/stats.h"

namespace lintel::proxy {

/// Appends the document of /v1/stats. Members are added over time, never renamed or given another meaning
/// while "schema" is 1.
void format_stats_json(Buffer& out, const StatsTotal& total, const ProcessInfo& process);

}  // namespace lintel::proxy
