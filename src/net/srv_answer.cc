#include "net/srv_answer.h"

#include <ares.h>

#include <algorithm>

namespace lintel::net {
namespace {

constexpr std::size_t kHeader = 12;
constexpr std::uint16_t kTypeSrv = 33;
constexpr std::uint16_t kClassIn = 1;
constexpr Nanos kSecond = 1'000'000'000;

/// Goes through a message; `failed` once it has ended too early.
class Reader {
 public:
  explicit Reader(std::span<const std::uint8_t> message) noexcept : message_(message) {}

  [[nodiscard]] bool failed() const noexcept { return failed_; }
  [[nodiscard]] std::size_t at() const noexcept { return at_; }

  std::uint32_t number(std::size_t bytes) noexcept {
    if (!has(bytes)) return 0;
    std::uint32_t value = 0;
    while (bytes-- > 0) value = value << 8U | message_[at_++];
    return value;
  }
  void skip(std::size_t bytes) noexcept {
    if (has(bytes)) at_ += bytes;
  }
  void go_to(std::size_t place) noexcept {
    failed_ = failed_ || place > message_.size();
    if (!failed_) at_ = place;
  }
  /// A name, with what is no character of host names escaped; compressed ones are followed.
  std::string name() {
    if (!has(1)) return {};
    char* text = nullptr;
    long length = 0;
    const int status = ares_expand_name(message_.data() + at_, message_.data(),
                                        static_cast<int>(message_.size()), &text, &length);
    failed_ = status != ARES_SUCCESS;
    if (failed_) return {};
    std::string name(text);
    ares_free_string(text);
    skip(static_cast<std::size_t>(length));
    return name;
  }

 private:
  bool has(std::size_t bytes) noexcept {
    failed_ = failed_ || message_.size() - at_ < bytes;
    return !failed_;
  }

  std::span<const std::uint8_t> message_;
  std::size_t at_ = 0;
  bool failed_ = false;
};

bool is_host_name(const std::string& name) {
  std::string why;
  const auto endpoint = Endpoint::parse(name + ":1", why);
  return endpoint && endpoint->kind == Endpoint::Kind::name;
}

/// One resource record of the answer section.
void read_record(Reader& reader, ServiceAnswer& answer, bool& found) {
  static_cast<void>(reader.name());
  const std::uint32_t type = reader.number(2);
  const std::uint32_t network = reader.number(2);
  // A TTL with the highest bit set counts as 0 (RFC 2181, 8).
  const std::uint32_t ttl = reader.number(4);
  const std::uint32_t length = reader.number(2);
  const std::size_t end = reader.at() + length;
  if (reader.failed()) return;
  answer.ttl = std::min<Nanos>(answer.ttl, ttl > 0x7fffffff ? 0 : Nanos{ttl} * kSecond);
  if (type == kTypeSrv && network == kClassIn) {
    found = true;
    ServiceRecord record;
    record.priority = static_cast<std::uint16_t>(reader.number(2));
    record.weight = static_cast<std::uint16_t>(reader.number(2));
    record.port = static_cast<std::uint16_t>(reader.number(2));
    record.target = reader.name();
    std::transform(record.target.begin(), record.target.end(), record.target.begin(),
                   [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; });
    if (!reader.failed() && reader.at() <= end && record.port != 0 && is_host_name(record.target))
      answer.records.push_back(std::move(record));
  }
  reader.go_to(end);
}

}  // namespace

std::optional<ServiceAnswer> parse_srv_answer(std::span<const std::uint8_t> message) {
  if (message.size() < kHeader) return std::nullopt;
  Reader reader(message);
  reader.skip(4);
  const std::uint32_t questions = reader.number(2);
  const std::uint32_t answers = reader.number(2);
  reader.skip(4);
  for (std::uint32_t i = 0; i < questions && !reader.failed(); ++i) {
    static_cast<void>(reader.name());
    reader.skip(4);
  }
  ServiceAnswer answer;
  answer.ttl = kNever;
  bool found = false;
  for (std::uint32_t i = 0; i < answers && !reader.failed(); ++i) read_record(reader, answer, found);
  if (reader.failed() || !found) return std::nullopt;
  return answer;
}

}  // namespace lintel::net
