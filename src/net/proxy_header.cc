#include "net/proxy_header.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/un.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <optional>
#include <span>

namespace lintel::net {
namespace {

using Status = ProxyParse::Status;

constexpr std::string_view kSignature("\r\n\r\n\0\r\nQUIT\n", 12);
constexpr std::size_t kFixed = 16;         ///< Signature, version and command, family, length.
constexpr std::size_t kLongestLine = 107;  ///< Of version 1, with its end.

enum class Tlv : std::uint8_t {
  alpn = 0x01,
  authority = 0x02,
  crc32c = 0x03,
  noop = 0x04,
  unique_id = 0x05,
  tls = 0x20,
  tls_version = 0x21,
  tls_common_name = 0x22,
  tls_cipher = 0x23,
  tls_signature = 0x24,
  tls_key = 0x25,
  netns = 0x30,
};

ProxyParse failed(const char* reason) noexcept {
  return {Status::error, 0, reason};
}

ProxyParse incomplete(std::size_t least) noexcept {
  return {Status::need_more, least, ""};
}

// --- CRC-32C (RFC 3720, B.4)

constexpr std::array<std::uint32_t, 256> make_crc_table() {
  std::array<std::uint32_t, 256> table{};
  for (std::uint32_t i = 0; i < 256; ++i) {
    std::uint32_t crc = i;
    for (int bit = 0; bit < 8; ++bit) crc = (crc >> 1) ^ ((crc & 1) != 0 ? 0x82f63b78U : 0U);
    table[i] = crc;
  }
  return table;
}
constexpr std::array<std::uint32_t, 256> kCrcTable = make_crc_table();

std::uint32_t crc32c(std::uint32_t crc, std::string_view bytes) noexcept {
  for (const char c : bytes) crc = (crc >> 8) ^ kCrcTable[(crc ^ static_cast<std::uint8_t>(c)) & 0xff];
  return crc;
}

/// The checksum of a header whose four bytes at `at` count as zeros.
std::uint32_t checksum(std::string_view header, std::size_t at) noexcept {
  std::uint32_t crc = crc32c(0xffffffff, header.substr(0, at));
  crc = crc32c(crc, std::string_view("\0\0\0\0", 4));
  return ~crc32c(crc, header.substr(at + 4));
}

// --- Numbers in network order

std::uint32_t number_at(std::string_view in, std::size_t at, std::size_t size) noexcept {
  std::uint32_t value = 0;
  for (const char c : in.substr(at, size)) value = value << 8 | static_cast<std::uint8_t>(c);
  return value;
}

void append_number(Buffer& out, std::uint32_t value, std::size_t size) {
  char* at = out.extend(size);
  for (std::size_t i = size; i-- != 0; value >>= 8) at[i] = static_cast<char>(value & 0xff);
}

// --- Version 1

/// The text up to the next space, which is taken away too; nothing if there is none.
std::optional<std::string_view> next_word(std::string_view& rest) noexcept {
  const std::size_t space = rest.find(' ');
  if (space == std::string_view::npos) return std::nullopt;
  const std::string_view word = rest.substr(0, space);
  rest.remove_prefix(space + 1);
  return word;
}

std::optional<std::uint16_t> parse_port(std::string_view text) noexcept {
  if (text.empty() || text.size() > 5 || (text.size() > 1 && text.front() == '0')) return std::nullopt;
  std::uint32_t port = 0;
  for (const char c : text) {
    if (c < '0' || c > '9') return std::nullopt;
    port = port * 10 + static_cast<std::uint32_t>(c - '0');
  }
  if (port > 65535) return std::nullopt;
  return static_cast<std::uint16_t>(port);
}

ProxyParse parse_line(std::string_view line, std::size_t size, ProxyHeader& header) {
  header = {};
  header.version = 1;
  if (line == "PROXY UNKNOWN" || line.starts_with("PROXY UNKNOWN ")) return {Status::done, size, ""};
  line.remove_prefix(std::string_view("PROXY ").size());
  const auto family = next_word(line);
  const auto source = next_word(line);
  const auto destination = next_word(line);
  const auto source_port = next_word(line);
  if (!family || !source || !destination || !source_port || (*family != "TCP4" && *family != "TCP6"))
    return failed("the PROXY line is not of the form PROXY TCP4|TCP6 SOURCE DESTINATION PORT PORT");
  const auto from_port = parse_port(*source_port);
  const auto to_port = parse_port(line);
  if (!from_port || !to_port) return failed("a port of the PROXY line is not a number from 0 to 65535");
  const int wanted = *family == "TCP4" ? AF_INET : AF_INET6;
  const auto from = SocketAddress::from_ip(*source, *from_port);
  const auto to = SocketAddress::from_ip(*destination, *to_port);
  if (!from || !to || from->family() != wanted || to->family() != wanted)
    return failed("an address of the PROXY line is not of the family that it names");
  header.source = *from;
  header.destination = *to;
  return {Status::done, size, ""};
}

ProxyParse parse_text(std::string_view in, ProxyHeader& header) {
  const std::size_t end = in.substr(0, kLongestLine).find('\n');
  if (end == std::string_view::npos) {
    if (in.size() >= kLongestLine) return failed("the PROXY line does not end within 107 bytes");
    return incomplete(in.size() + 1);
  }
  if (in[end - 1] != '\r') return failed("the PROXY line ends without a carriage return");
  return parse_line(in.substr(0, end - 1), end + 1, header);
}

// --- Version 2

/// Calls `visit(type, value, offset of value in `in`)` for each; a reason if they do not fit.
template <typename Visit>
const char* walk(std::string_view in, std::size_t at, const Visit& visit) {
  while (at != in.size()) {
    if (in.size() - at < 3) return "a TLV of the PROXY header is cut off";
    const auto type = static_cast<Tlv>(in[at]);
    const std::size_t size = number_at(in, at + 1, 2);
    at += 3;
    if (size > in.size() - at) return "a TLV of the PROXY header is longer than the header";
    if (const char* wrong = visit(type, in.substr(at, size), at)) return wrong;
    at += size;
  }
  return nullptr;
}

/// Where the text of a TLV is kept; null for those that are not.
std::string* field_of(ProxyHeader& header, Tlv type) noexcept {
  switch (type) {
    case Tlv::alpn:
      return &header.alpn;
    case Tlv::authority:
      return &header.authority;
    case Tlv::unique_id:
      return &header.unique_id;
    case Tlv::netns:
      return &header.netns;
    case Tlv::tls_version:
      return &header.tls_version;
    case Tlv::tls_common_name:
      return &header.tls_common_name;
    case Tlv::tls_cipher:
      return &header.tls_cipher;
    case Tlv::tls_signature:
      return &header.tls_signature;
    case Tlv::tls_key:
      return &header.tls_key;
    default:
      return nullptr;
  }
}

const char* keep(ProxyHeader& header, Tlv type, std::string_view value) {
  std::string* field = field_of(header, type);
  if (!field) return nullptr;  // Others are for those who know them.
  if (!field->empty()) return "the PROXY header says the same thing twice";
  if (type == Tlv::unique_id && value.size() > 128) return "the unique id of the PROXY header is too long";
  *field = value;
  return nullptr;
}

const char* keep_tls(ProxyHeader& header, std::string_view value) {
  if (header.has_tls) return "the PROXY header says the same thing twice";
  if (value.size() < 5) return "the TLS part of the PROXY header is cut off";
  header.tls_flags = static_cast<std::uint8_t>(value[0]);
  header.has_tls = (header.tls_flags & 1) != 0;
  header.unverified = number_at(value, 1, 4) != 0;
  return walk(value, 5, [&](Tlv type, std::string_view text, std::size_t) -> const char* {
    const bool inner = type >= Tlv::tls_version && type <= Tlv::tls_key;
    return inner ? keep(header, type, text) : nullptr;
  });
}

const char* parse_tlvs(std::string_view whole, std::size_t at, ProxyHeader& header) {
  bool checked = false;
  return walk(whole, at, [&](Tlv type, std::string_view value, std::size_t offset) -> const char* {
    if (type == Tlv::tls) return keep_tls(header, value);
    if (type >= Tlv::tls_version && type <= Tlv::tls_key) return nullptr;  // Only within the TLS part.
    if (type != Tlv::crc32c) return keep(header, type, value);
    if (value.size() != 4 || checked) return "the PROXY header has no proper checksum";
    checked = true;
    return checksum(whole, offset) == number_at(value, 0, 4) ? nullptr
                                                             : "the checksum of the PROXY header is wrong";
  });
}

SocketAddress ipv4(std::string_view ip, std::uint32_t port) noexcept {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(static_cast<std::uint16_t>(port));
  std::memcpy(&address.sin_addr, ip.data(), ip.size());
  return {reinterpret_cast<const sockaddr*>(&address), sizeof address};
}

SocketAddress ipv6(std::string_view ip, std::uint32_t port) noexcept {
  sockaddr_in6 address{};
  address.sin6_family = AF_INET6;
  address.sin6_port = htons(static_cast<std::uint16_t>(port));
  std::memcpy(&address.sin6_addr, ip.data(), ip.size());
  return {reinterpret_cast<const sockaddr*>(&address), sizeof address};
}

SocketAddress unix_path(std::string_view path) noexcept {
  const std::size_t end = path.find('\0');
  return SocketAddress::from_unix_path(path.substr(0, end)).value_or(SocketAddress());
}

/// Reads the addresses of `family` (1 IPv4, 2 IPv6, 3 Unix) and returns their size; 0 where there is no room.
std::size_t parse_addresses(std::string_view in, unsigned family, ProxyHeader& header) noexcept {
  const std::size_t each = family == 1 ? 4 : family == 2 ? 16 : 108;
  const std::size_t size = 2 * each + (family == 3 ? 0 : 4);
  if (in.size() < size) return 0;
  if (family == 3) {
    header.source = unix_path(in.substr(0, each));
    header.destination = unix_path(in.substr(each, each));
    return size;
  }
  const auto make = family == 1 ? ipv4 : ipv6;
  header.source = make(in.substr(0, each), number_at(in, 2 * each, 2));
  header.destination = make(in.substr(each, each), number_at(in, 2 * each + 2, 2));
  return size;
}

ProxyParse parse_binary(std::string_view in, ProxyHeader& header) {
  if (in.size() < kFixed) return incomplete(kFixed);
  const auto version_command = static_cast<std::uint8_t>(in[12]);
  const unsigned family = static_cast<std::uint8_t>(in[13]) >> 4;
  const unsigned transport = static_cast<std::uint8_t>(in[13]) & 15;
  const std::size_t size = kFixed + number_at(in, 14, 2);
  if (version_command >> 4 != 2 || (version_command & 15) > 1)
    return failed("the PROXY header has an unknown version or command");
  if (size > kMaxProxyHeader) return failed("the PROXY header is longer than 16 KiB");
  if (in.size() < size) return incomplete(size);
  header = {};
  header.is_local = (version_command & 15) == 0;
  if (header.is_local) return {Status::done, size, ""};  // The rest means nothing.
  if (family > 3 || transport > 2) return failed("the PROXY header has an unknown address family");
  if (transport == 2) return failed("the PROXY header is for datagrams");
  const std::string_view whole = in.substr(0, size);
  std::size_t at = kFixed;
  if (family != 0) {
    const std::size_t taken = parse_addresses(whole.substr(at), family, header);
    if (taken == 0) return failed("the addresses of the PROXY header are cut off");
    at += taken;
  }
  if (const char* wrong = parse_tlvs(whole, at, header)) return failed(wrong);
  return {Status::done, size, ""};
}

// --- Writing

/// `address` as IPv4 where it is an IPv4 address mapped into IPv6.
SocketAddress unmapped(const SocketAddress& address) noexcept {
  if (address.family() != AF_INET6) return address;
  const auto* v6 = reinterpret_cast<const sockaddr_in6*>(address.get());
  if (!IN6_IS_ADDR_V4MAPPED(&v6->sin6_addr)) return address;
  return ipv4({reinterpret_cast<const char*>(&v6->sin6_addr) + 12, 4}, address.port());
}

void append_text(Buffer& out, const SocketAddress& source, const SocketAddress& destination) {
  const bool known =
      source.family() == destination.family() && (source.family() == AF_INET || source.family() == AF_INET6);
  if (!known) return out.append(std::string_view("PROXY UNKNOWN\r\n"));
  std::array<char, INET6_ADDRSTRLEN> text{};
  out.append(std::string_view(source.family() == AF_INET ? "PROXY TCP4 " : "PROXY TCP6 "));
  out.append(source.ip_to(text));
  out.append(' ');
  out.append(destination.ip_to(text));
  for (const std::uint16_t port : {source.port(), destination.port()}) {
    out.append(' ');
    out.append_number(port);
  }
  out.append(std::string_view("\r\n"));
}

void append_tlv(Buffer& out, Tlv type, std::string_view value) {
  if (value.empty()) return;
  out.append(static_cast<char>(type));
  append_number(out, static_cast<std::uint32_t>(value.size()), 2);
  out.append(value);
}

/// The bytes of the IP address itself.
std::string_view ip_bytes(const SocketAddress& address) noexcept {
  if (address.family() == AF_INET) {
    const auto* v4 = reinterpret_cast<const sockaddr_in*>(address.get());
    return {reinterpret_cast<const char*>(&v4->sin_addr), 4};
  }
  const auto* v6 = reinterpret_cast<const sockaddr_in6*>(address.get());
  return {reinterpret_cast<const char*>(&v6->sin6_addr), 16};
}

void append_tls(Buffer& out, const ProxyHeader& header) {
  if (!header.has_tls) return;
  out.append(static_cast<char>(Tlv::tls));
  const std::size_t length_at = out.size();
  append_number(out, 0, 2);
  const std::size_t begin = out.size();
  out.append(static_cast<char>(header.tls_flags));
  append_number(out, header.unverified ? 1 : 0, 4);
  append_tlv(out, Tlv::tls_version, header.tls_version);
  append_tlv(out, Tlv::tls_common_name, header.tls_common_name);
  append_tlv(out, Tlv::tls_cipher, header.tls_cipher);
  append_tlv(out, Tlv::tls_signature, header.tls_signature);
  append_tlv(out, Tlv::tls_key, header.tls_key);
  const std::size_t size = out.size() - begin;
  out.data()[length_at] = static_cast<char>(size >> 8);
  out.data()[length_at + 1] = static_cast<char>(size & 0xff);
}

void append_binary(Buffer& out, const ProxyHeader& header, const SocketAddress& source,
                   const SocketAddress& destination) {
  const std::size_t begin = out.size();
  const int family = source.family();
  const bool known = family == destination.family() && (family == AF_INET || family == AF_INET6);
  out.append(kSignature);
  out.append(header.is_local ? '\x20' : '\x21');
  out.append(header.is_local || !known ? '\x00' : family == AF_INET ? '\x11' : '\x21');
  append_number(out, 0, 2);
  if (!header.is_local) {
    if (known) {
      out.append(ip_bytes(source));
      out.append(ip_bytes(destination));
      append_number(out, source.port(), 2);
      append_number(out, destination.port(), 2);
    }
    append_tlv(out, Tlv::alpn, header.alpn);
    append_tlv(out, Tlv::authority, header.authority);
    append_tlv(out, Tlv::unique_id, header.unique_id);
    append_tls(out, header);
    append_tlv(out, Tlv::netns, header.netns);
  }
  const std::size_t size = out.size() - begin - kFixed;
  out.data()[begin + 14] = static_cast<char>(size >> 8);
  out.data()[begin + 15] = static_cast<char>(size & 0xff);
}

}  // namespace

ProxyParse parse_proxy_header(std::string_view in, ProxyHeader& header) {
  const auto begins = [in](std::string_view with) { return with.starts_with(in.substr(0, with.size())); };
  if (begins(kSignature)) {
    return in.size() < kSignature.size() ? incomplete(kFixed) : parse_binary(in, header);
  }
  if (begins("PROXY ")) return parse_text(in, header);
  return failed("the connection does not begin with a PROXY header");
}

void append_proxy_header(Buffer& out, const ProxyHeader& header, int version) {
  const SocketAddress source = unmapped(header.source);
  const SocketAddress destination = unmapped(header.destination);
  if (version == 1) return append_text(out, source, destination);
  if (source.family() == destination.family()) return append_binary(out, header, source, destination);
  append_binary(out, header, header.source, header.destination);  // Only one of them was mapped.
}

}  // namespace lintel::net
