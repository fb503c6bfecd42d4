#include "net/client_hello.h"

#include <algorithm>
#include <optional>

namespace lintel::net {
namespace {

using Status = HelloParse::Status;

constexpr std::uint8_t kHandshake = 22;
constexpr std::uint8_t kClientHello = 1;
constexpr std::size_t kMostInRecord = 16 * 1024;
constexpr std::size_t kHostName = 0;

enum class Extension : std::uint16_t {
  server_name = 0,
  alpn = 16,
  supported_versions = 43,
  encrypted_client_hello = 0xfe0d,
};

/// Takes fields off the front of bytes. Once something was missing everything is.
class Reader {
 public:
  explicit Reader(std::string_view bytes) noexcept : rest_(bytes) {}

  [[nodiscard]] std::size_t number(std::size_t size) noexcept {
    std::size_t value = 0;
    for (const char c : take(size)) value = value << 8 | static_cast<std::uint8_t>(c);
    return value;
  }
  [[nodiscard]] std::string_view take(std::size_t size) noexcept {
    if (size > rest_.size()) {
      failed_ = true;
      rest_ = {};
      return {};
    }
    const std::string_view taken = rest_.substr(0, size);
    rest_.remove_prefix(size);
    return taken;
  }
  /// Bytes whose count stands before them in `size` bytes.
  [[nodiscard]] std::string_view counted(std::size_t size) noexcept { return take(number(size)); }
  [[nodiscard]] bool empty() const noexcept { return rest_.empty(); }
  [[nodiscard]] bool failed() const noexcept { return failed_; }
  [[nodiscard]] bool complete() const noexcept { return rest_.empty() && !failed_; }

 private:
  std::string_view rest_;
  bool failed_ = false;
};

HelloParse failed(const char* reason) noexcept {
  return {Status::error, reason};
}

// --- Records

/// The handshake message's bytes out of their records.
struct Fragments {
  std::string_view whole;  ///< In the input, where one record holds all of it; else in `joined`.
  std::string joined;
  HelloParse parse;
};

/// Size of the message with its own header, once that is there.
std::optional<std::size_t> message_size(std::string_view message) noexcept {
  if (message.size() < 4) return std::nullopt;
  Reader header(message.substr(1));
  return 4 + header.number(3);
}

void join_records(std::string_view in, Fragments& out) {
  for (bool first = true;; first = false) {
    if (in.size() >= 1 && in[0] != kHandshake) {
      out.parse = failed(first ? "the connection does not begin with TLS" : "the ClientHello is interrupted");
      return;
    }
    if (in.size() >= 2 && in[1] != 3)
      return void(out.parse = failed("the TLS record has an unknown version"));
    if (in.size() < 5) return;
    Reader header(in.substr(3, 2));
    const std::size_t size = header.number(2);
    if (size == 0 || size > kMostInRecord)
      return void(out.parse = failed("the TLS record has no proper length"));
    const std::string_view fragment = in.substr(5, size);
    if (first) {
      out.whole = fragment;
    } else {
      if (out.joined.empty()) out.joined = out.whole;
      out.joined.append(fragment);
      out.whole = out.joined;
    }
    if (!out.whole.empty() && out.whole[0] != kClientHello) {
      return void(out.parse = failed("the first TLS message is no ClientHello"));
    }
    const std::optional<std::size_t> wanted = message_size(out.whole);
    if (wanted && *wanted > kMaxClientHello) return void(out.parse = failed("the ClientHello is too large"));
    if (wanted && out.whole.size() >= *wanted) {
      // Nothing may follow before the server has answered.
      if (out.whole.size() > *wanted) return void(out.parse = failed("something follows the ClientHello"));
      out.parse.status = Status::done;
      return;
    }
    if (fragment.size() < size) return;
    in.remove_prefix(5 + size);
  }
}

// --- Extensions

bool is_name_char(char c) noexcept {
  return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '.' || c == '_';
}

/// The host name in the form that routes are compared in; false for what is none.
bool read_host(std::string_view name, std::string& out) {
  if (name.ends_with('.')) name.remove_suffix(1);
  if (name.empty() || name.size() > 253 || name.front() == '.') return false;
  out.assign(name);
  for (char& c : out) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
    if (!is_name_char(c)) return false;
  }
  return out.find("..") == std::string::npos;
}

const char* read_server_name(std::string_view data, ClientHello& hello) {
  Reader outer(data);
  Reader list(outer.counted(2));
  const std::size_t type = list.number(1);
  const std::string_view name = list.counted(2);
  if (!outer.complete() || !list.complete() || type != kHostName)
    return "the server name extension is broken";
  return read_host(name, hello.server_name) ? nullptr : "the server name is no host name";
}

const char* read_alpn(std::string_view data, ClientHello& hello) {
  Reader outer(data);
  Reader list(outer.counted(2));
  if (list.empty()) return "the ALPN extension is broken";
  while (!list.empty()) {
    const std::string_view protocol = list.counted(1);
    if (protocol.empty()) return "the ALPN extension is broken";
    if (!hello.alpn.empty()) hello.alpn += ',';
    hello.alpn.append(protocol);
  }
  return outer.complete() && list.complete() ? nullptr : "the ALPN extension is broken";
}

const char* read_versions(std::string_view data, ClientHello& hello) {
  Reader outer(data);
  Reader list(outer.counted(1));
  while (!list.empty()) {
    const auto version = static_cast<std::uint16_t>(list.number(2));
    const bool grease = (version & 0x0f0f) == 0x0a0a;  // RFC 8701.
    if (!grease) hello.version = std::max(hello.version, version);
  }
  return outer.complete() && !list.failed() ? nullptr : "the supported versions extension is broken";
}

const char* read_extensions(std::string_view data, ClientHello& hello) {
  Reader extensions(data);
  bool named = false;
  bool negotiated = false;
  while (!extensions.empty()) {
    const auto type = static_cast<Extension>(extensions.number(2));
    const std::string_view value = extensions.counted(2);
    if (extensions.failed()) return "an extension of the ClientHello is cut off";
    const char* wrong = nullptr;
    if (type == Extension::server_name) {
      wrong = named ? "the server name comes twice" : read_server_name(value, hello);
      named = true;
    } else if (type == Extension::alpn) {
      wrong = negotiated ? "ALPN comes twice" : read_alpn(value, hello);
      negotiated = true;
    } else if (type == Extension::supported_versions) {
      wrong = read_versions(value, hello);
    } else if (type == Extension::encrypted_client_hello) {
      hello.encrypted = true;
    }
    if (wrong) return wrong;
  }
  return nullptr;
}

HelloParse parse_message(std::string_view message, ClientHello& hello) {
  hello = {};
  Reader body(message.substr(4));
  hello.version = static_cast<std::uint16_t>(body.number(2));
  static_cast<void>(body.take(32));  // Random.
  const std::string_view session = body.counted(1);
  const std::string_view suites = body.counted(2);
  const std::string_view compression = body.counted(1);
  if (body.failed() || hello.version >> 8 != 3 || session.size() > 32 || suites.empty() ||
      suites.size() % 2 != 0 || compression.empty()) {
    return failed("the ClientHello is broken");
  }
  if (body.empty()) return {Status::done, ""};  // TLS 1.2 knows hellos without extensions.
  const std::string_view extensions = body.counted(2);
  if (!body.complete()) return failed("the ClientHello is broken");
  if (const char* wrong = read_extensions(extensions, hello)) return failed(wrong);
  return {Status::done, ""};
}

}  // namespace

HelloParse parse_client_hello(std::string_view in, ClientHello& hello) {
  Fragments fragments;
  join_records(in, fragments);
  if (fragments.parse.status == Status::done) return parse_message(fragments.whole, hello);
  if (fragments.parse.status == Status::need_more && in.size() >= kMaxClientHello) {
    return failed("the ClientHello is too large");
  }
  return fragments.parse;
}

}  // namespace lintel::net
