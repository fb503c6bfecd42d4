#pragma once

// What the two sides' contexts have in common.

#include <string>
#include <vector>

#include "config/model.h"
#include "tls/handles.h"
#include "tls/problems.h"

namespace lintel::tls {

/// Versions from `least` on, suites with forward secrecy and authenticated encryption, today's groups; no
/// compression, no renegotiation; buffers only while they are in use.
void set_common_rules(ssl_ctx_st* context, config::TlsVersion least);
/// SHA-256, 32 bytes.
[[nodiscard]] std::string digest(const std::string& text);
/// Names behind their lengths, as ALPN writes them (RFC 7301, 3.1).
[[nodiscard]] std::string alpn_wire(const std::vector<std::string>& names);
/// Trusts the certificates of a PEM file, and of nothing else. False after adding an error. Blocks.
[[nodiscard]] bool trust_file(ssl_ctx_st* context, const std::string& path, const std::string& setting,
                              Problems& problems);
/// Refuses what the revocation lists of a PEM file name. Adds errors. Blocks.
void revoke_file(ssl_ctx_st* context, const std::string& path, const std::string& setting,
                 Problems& problems);

}  // namespace lintel::tls
