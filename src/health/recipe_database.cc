#include "health/recipe_database.h"

#include <algorithm>
#include <array>
#include <cstdint>
#include <utility>

#include "config/diagnostic.h"

namespace lintel::health {
namespace {

using config::quote;

std::uint32_t byte_at(std::string_view in, std::size_t at) {
  return static_cast<unsigned char>(in[at]);
}

// --- PostgreSQL

void append_big_endian(std::string& out, std::uint32_t value) {
  for (const int shift : {24, 16, 8, 0}) out += static_cast<char>(value >> shift);
}

class Postgres final : public Recipe {
 public:
  explicit Postgres(std::string user) : user_(std::move(user)) {}

  [[nodiscard]] Step begin() override {
    std::string message;
    append_big_endian(message, 196608);  // Version 3.0.
    for (const std::string_view word :
         {std::string_view("user"), std::string_view(user_), std::string_view("database"),
          std::string_view("postgres"), std::string_view("application_name"), std::string_view("lintel")}) {
      message.append(word).push_back('\0');
    }
    message.push_back('\0');
    std::string out;
    append_big_endian(out, static_cast<std::uint32_t>(message.size() + 4));
    return Step::say(out + message);
  }

  [[nodiscard]] Step received(std::string_view in) override {
    const char type = in.front();
    if (type != 'R' && type != 'E' && type != 'N' && type != 'v') return Step::fail(kForeign);
    if (in.size() < 5) return {};
    const std::uint32_t length =
        byte_at(in, 1) << 24 | byte_at(in, 2) << 16 | byte_at(in, 3) << 8 | byte_at(in, 4);
    if (length < 4 || length > kMostAnswer) return Step::fail(kForeign);
    if (type == 'R') return Step::pass("answers sessions", std::string("X\0\0\0\4", 5));
    const std::size_t size = std::size_t{length} + 1;
    if (in.size() < size) return {};
    if (type != 'E') return {.consumed = size};  // A notice.
    return refused(in.substr(5, size - 5));
  }

 private:
  static constexpr const char* kForeign = "it does not speak PostgreSQL";

  /// A field of an error: a letter, the text, a zero.
  static std::string_view field(std::string_view error, char wanted) {
    while (!error.empty() && error.front() != '\0') {
      const std::size_t end = std::min(error.find('\0'), error.size());
      if (error.front() == wanted) return error.substr(1, end - 1);
      error.remove_prefix(std::min(end + 1, error.size()));
    }
    return {};
  }

  static Step refused(std::string_view error) {
    const std::string_view code = field(error, 'C');
    // Of all classes of errors these are about the role, its rights or its database.
    for (const std::string_view of_the_role : {"28", "3D", "42"}) {
      if (code.starts_with(of_the_role)) return Step::pass("answers sessions");
    }
    return Step::fail("refuses sessions: " + quote(field(error, 'M')) + " (" +
                      std::string(code.substr(0, 5)) + ")");
  }

  std::string user_;
};

// --- MySQL

void append_little_endian(std::string& out, std::uint32_t value, int bytes) {
  for (int i = 0; i < bytes; ++i) out += static_cast<char>(value >> (8 * i));
}

class Mysql final : public Recipe {
 public:
  explicit Mysql(std::string user) : user_(std::move(user)) {}

  [[nodiscard]] Step begin() override { return {}; }

  [[nodiscard]] Step received(std::string_view in) override {
    if (in.size() < 4) return {};
    const std::size_t length = byte_at(in, 0) | byte_at(in, 1) << 8 | byte_at(in, 2) << 16;
    const auto number = static_cast<std::uint8_t>(byte_at(in, 3));
    if (length == 0 || length > kMostAnswer - 4) return Step::fail(kForeign);
    if (!greeted_ && number != 0) return Step::fail(kForeign);
    if (in.size() < length + 4) return {};
    const std::string_view packet = in.substr(4, length);
    if (packet.front() == '\xff') return refused(packet);
    Step step = greeted_ ? answered(packet, number) : greeted(packet, number);
    if (step.verdict == Step::Verdict::more) step.consumed = length + 4;
    return step;
  }

 private:
  static constexpr const char* kForeign = "it does not speak MySQL";

  [[nodiscard]] static std::string packed(std::string_view payload, std::uint8_t number) {
    std::string out;
    append_little_endian(out, static_cast<std::uint32_t>(payload.size()), 3);
    out += static_cast<char>(number);
    return out.append(payload);
  }

  Step greeted(std::string_view packet, std::uint8_t number) {
    if (packet.front() != '\x0a' || packet.find('\0') == std::string_view::npos) return Step::fail(kForeign);
    greeted_ = true;
    constexpr std::uint32_t kLongPassword = 1, kProtocol41 = 0x200, kSecureConnection = 0x8000;
    std::string payload;
    append_little_endian(payload, kLongPassword | kProtocol41 | kSecureConnection, 4);
    append_little_endian(payload, 1U << 24, 4);  // The largest packet.
    payload += '\x21';                           // utf8_general_ci
    payload.append(23, '\0');
    payload.append(user_).append(2, '\0');  // The name's end, and no password.
    return Step::say(packed(payload, number + 1));
  }

  Step answered(std::string_view packet, std::uint8_t number) {
    if (packet.front() == '\0') return Step::pass("answers sessions", packed("\x01", 0));
    if (packet.front() != '\xfe') return Step::pass("answers sessions");
    // It wants another kind of proof; there is none.
    if (std::exchange(switched_, true)) return Step::pass("answers sessions");
    return Step::say(packed("", number + 1));
  }

  [[nodiscard]] Step refused(std::string_view packet) const {
    if (packet.size() < 3) return Step::fail(kForeign);
    const std::uint32_t code = byte_at(packet, 1) | byte_at(packet, 2) << 8;
    // Too many connections, shutting down, no more threads, and the same for one account.
    constexpr std::array<std::uint32_t, 5> kTakesNobody = {1040, 1053, 1135, 1203, 1226};
    const bool nobody = std::find(kTakesNobody.begin(), kTakesNobody.end(), code) != kTakesNobody.end();
    if (greeted_ && !nobody) return Step::pass("answers sessions");
    std::string_view text = packet.substr(3);
    if (text.size() > 6 && text.front() == '#') text.remove_prefix(6);  // The state.
    return Step::fail("refuses sessions: " + quote(text) + " (" + std::to_string(code) + ")");
  }

  std::string user_;
  bool greeted_ = false;
  bool switched_ = false;
};

}  // namespace

std::unique_ptr<Recipe> make_postgres_recipe(std::string user) {
  return std::make_unique<Postgres>(std::move(user));
}

std::unique_ptr<Recipe> make_mysql_recipe(std::string user) {
  return std::make_unique<Mysql>(std::move(user));
}

}  // namespace lintel::health
