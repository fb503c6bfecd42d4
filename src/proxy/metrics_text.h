#pragma once

#include <cstdint>
#include <string_view>

#include "base/buffer.h"
#include "proxy/stats.h"

namespace lintel::proxy {

enum class MetricsFormat : std::uint8_t { prometheus, openmetrics };

/// The format that a client's Accept field asks for; Prometheus text when in doubt.
[[nodiscard]] MetricsFormat metrics_format(std::string_view accept) noexcept;
/// The Content-Type of a format. Static storage.
[[nodiscard]] std::string_view metrics_content_type(MetricsFormat format) noexcept;

/// Appends the whole page of /metrics. Reads /proc/self for the process_* figures and leaves out those it
/// cannot read.
void format_metrics(Buffer& out, const StatsTotal& total, const ProcessInfo& process, MetricsFormat format);

}  // namespace lintel::proxy
