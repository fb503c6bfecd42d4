#pragma once

// The kinds of text that settings take. Each has one check, used by the parser, and one description, used by
// the JSON Schema and the manual.

#include <string>
#include <string_view>

namespace lintel::config {

struct TextFormat {
  std::string_view title;    ///< "a name", as messages say it.
  std::string_view pattern;  ///< ECMA regular expression for the JSON Schema; empty: any text.
  /// Checks and normalises `value` (never empty). On failure returns false and sets `why` to a clause that
  /// follows the quoted value: "begins with ...".
  bool (*accept)(std::string& value, std::string& why);
};

extern const TextFormat kAnyText;         ///< Anything, control characters and the empty text included.
extern const TextFormat kName;            ///< [a-z0-9_-]+, at most 64.
extern const TextFormat kHostPattern;     ///< Exact host or "*.suffix"; lower-cased, final dot removed.
extern const TextFormat kHost;            ///< Host name or IP literal (IPv6 in brackets), without port.
extern const TextFormat kUrlPath;         ///< Begins with "/", no query, no spaces or control characters.
extern const TextFormat kRedirectPath;    ///< As kUrlPath, a query is allowed.
extern const TextFormat kMethod;          ///< An HTTP token; known methods in upper case.
extern const TextFormat kScheme;          ///< "http" or "https".
extern const TextFormat kToken;           ///< An HTTP token.
extern const TextFormat kPseudonym;       ///< An HTTP token of at most 64 characters.
extern const TextFormat kFieldValue;      ///< Printable ASCII, as a header field's value.
extern const TextFormat kFileTarget;      ///< "stdout", "stderr" or a file's path.
extern const TextFormat kGlob;            ///< A file name or glob.
extern const TextFormat kFile;            ///< A file's path.
extern const TextFormat kStatuses;        ///< HTTP statuses: "2xx", "200-299", "404".
extern const TextFormat kBytes;           ///< Any bytes, with escapes (units.h, parse_bytes).
extern const TextFormat kAlpn;            ///< A protocol's name in ALPN: a token of at most 255 characters.
extern const TextFormat kRetryCondition;  ///< A word of retry.on, or a status such as "503" or "5xx".

}  // namespace lintel::config
