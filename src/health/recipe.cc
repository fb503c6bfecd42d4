#include "health/recipe.h"

#include <cassert>
#include <utility>

#include "config/diagnostic.h"
#include "config/units.h"
#include "health/recipe_database.h"

namespace lintel::health {
namespace {

using config::quote;

/// tcp: what is configured. Without either text, connecting is all.
class Configured final : public Recipe {
 public:
  explicit Configured(const config::HealthCheck& check) {
    std::string why;
    send_ = config::parse_bytes(check.send, why).value_or("");
    expect_ = config::parse_bytes(check.expect_text, why).value_or("");
  }
  [[nodiscard]] Step begin() override {
    if (expect_.empty()) return Step::pass("connected", send_);
    return Step::say(send_);
  }
  [[nodiscard]] Step received(std::string_view in) override {
    if (in.find(expect_) != std::string_view::npos) return Step::pass("answered with " + quote(expect_));
    answered_ = std::string(in.substr(0, 64));
    return {};
  }
  [[nodiscard]] std::string unfinished() const override {
    return answered_.empty() ? "it closed without an answer"
                             : "it answered " + quote(answered_) + ", expected " + quote(expect_);
  }

 private:
  std::string send_;
  std::string expect_;
  std::string answered_;
};

/// The first line of `in` without its end; nothing if it is not complete.
std::string_view first_line(std::string_view in, bool& complete) {
  const std::size_t end = in.find('\n');
  complete = end != std::string_view::npos;
  std::string_view line = in.substr(0, end);
  if (complete && line.ends_with('\r')) line.remove_suffix(1);
  return line;
}

class Redis final : public Recipe {
 public:
  [[nodiscard]] Step begin() override { return Step::say("PING\r\n"); }
  [[nodiscard]] Step received(std::string_view in) override {
    bool complete = false;
    const std::string_view line = first_line(in, complete);
    if (!complete) return {};
    if (line == "+PONG") return Step::pass("PING answered PONG");
    // It serves those who know its password.
    if (line.starts_with("-NOAUTH")) return Step::pass("PING answered that a password is needed");
    return Step::fail("PING answered " + quote(line));
  }
};

class Smtp final : public Recipe {
 public:
  [[nodiscard]] Step begin() override { return {}; }
  [[nodiscard]] Step received(std::string_view in) override {
    bool complete = false;
    const std::string_view line = first_line(in, complete);
    if (!complete) return {};
    if (line.starts_with("220-")) return {.consumed = in.find('\n') + 1};
    if (line == "220" || line.starts_with("220 ")) return Step::pass("greeted with 220", "QUIT\r\n");
    return Step::fail("greeted with " + quote(line) + ", expected 220");
  }
  [[nodiscard]] std::string unfinished() const override { return "it does not greet as SMTP servers do"; }
};

}  // namespace

std::unique_ptr<Recipe> make_recipe(const config::HealthCheck& check) {
  switch (check.type) {
    case config::HealthCheckType::tcp:
      return std::make_unique<Configured>(check);
    case config::HealthCheckType::redis:
      return std::make_unique<Redis>();
    case config::HealthCheckType::smtp:
      return std::make_unique<Smtp>();
    case config::HealthCheckType::postgres:
      return make_postgres_recipe(check.user.empty() ? "lintel" : check.user);
    case config::HealthCheckType::mysql:
      return make_mysql_recipe(check.user.empty() ? "lintel" : check.user);
    case config::HealthCheckType::http:
    case config::HealthCheckType::exec:
      break;
  }
  assert(false);
  return nullptr;
}

}  // namespace lintel::health
