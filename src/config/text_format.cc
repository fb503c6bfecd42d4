#include "config/text_format.h"

#include <algorithm>
#include <array>

#include "base/address.h"
#include "config/model.h"
#include "config/units.h"

namespace lintel::config {
namespace {

constexpr std::size_t kMaxName = 64;

bool is_lower(char c) {
  return c >= 'a' && c <= 'z';
}
bool is_upper(char c) {
  return c >= 'A' && c <= 'Z';
}
bool is_digit(char c) {
  return c >= '0' && c <= '9';
}
bool is_control(char c) {
  return static_cast<unsigned char>(c) < 0x20 || c == 0x7f;
}
char lower(char c) {
  return is_upper(c) ? static_cast<char>(c - 'A' + 'a') : c;
}
char upper(char c) {
  return is_lower(c) ? static_cast<char>(c - 'a' + 'A') : c;
}

bool is_token_char(char c) {
  return is_lower(c) || is_upper(c) || is_digit(c) ||
         std::string_view("!#$%&'*+-.^_`|~").find(c) != std::string_view::npos;
}

bool accept_any(std::string&, std::string&) {
  return true;
}

bool accept_name(std::string& value, std::string& why) {
  const auto allowed = [](char c) { return is_lower(c) || is_digit(c) || c == '_' || c == '-'; };
  if (!std::all_of(value.begin(), value.end(), allowed)) {
    why = "is not a name; names consist of a-z, 0-9, _ and -";
    return false;
  }
  if (value.size() <= kMaxName) return true;
  why = "is longer than " + std::to_string(kMaxName) + " characters";
  return false;
}

bool accept_host(std::string& value, std::string& why) {
  std::transform(value.begin(), value.end(), value.begin(), lower);
  if (value.size() > 1 && value.back() == '.') value.pop_back();
  std::string ignored;
  if (std::any_of(value.begin(), value.end(), [](char c) { return static_cast<unsigned char>(c) >= 0x80; })) {
    why = "is not ASCII; write international names in their xn-- form";
    return false;
  }
  if (value.find("://") != std::string::npos) {
    why = "has a scheme; write the host alone";
    return false;
  }
  if (value.front() == '[') {
    const auto literal = Endpoint::parse(value + ":0", ignored);
    if (literal) {
      value = '[' + literal->host + ']';
      return true;
    }
  } else if (const auto with_port = Endpoint::parse(value, ignored);
             with_port && with_port->kind != Endpoint::Kind::unix_socket) {
    why = "has a port; hosts are compared without it";
    return false;
  } else if (value.find(':') == std::string::npos && Endpoint::parse(value + ":0", ignored)) {
    return true;
  }
  why = "is not a host name or IP address";
  return false;
}

bool accept_host_pattern(std::string& value, std::string& why) {
  if (value == "*") {
    why = "is not needed: without \"host\" a route matches every host";
    return false;
  }
  if (value.find('*') == std::string::npos) return accept_host(value, why);
  if (!value.starts_with("*.") || value.find('*', 1) != std::string::npos || value.size() == 2) {
    why = "has a \"*\" that is not the whole first label; write for example *.example.com";
    return false;
  }
  std::string suffix = value.substr(2);
  if (!accept_host(suffix, why)) return false;
  if (suffix.find_first_not_of("0123456789.") == std::string::npos || suffix.front() == '[') {
    why = "is a wildcard over an IP address";
    return false;
  }
  value = "*." + suffix;
  return true;
}

bool accept_path(std::string& value, std::string& why, bool query_allowed) {
  if (value.front() != '/') {
    why = "does not begin with \"/\"";
    return false;
  }
  for (const char c : value) {
    if (is_control(c) || c == ' ' || static_cast<unsigned char>(c) >= 0x80) {
      why = "contains a space, control or non-ASCII character; write it percent-encoded";
      return false;
    }
    if (c == '#' || (c == '?' && !query_allowed)) {
      why = c == '#' ? "contains a fragment (#), which clients do not send"
                     : "contains a query (?); only the path is compared";
      return false;
    }
  }
  return true;
}

bool accept_url_path(std::string& value, std::string& why) {
  return accept_path(value, why, false);
}
bool accept_redirect_path(std::string& value, std::string& why) {
  return accept_path(value, why, true);
}

bool accept_token(std::string& value, std::string& why) {
  if (std::all_of(value.begin(), value.end(), is_token_char)) return true;
  why = "is not an HTTP token (letters, digits and !#$%&'*+-.^_`|~)";
  return false;
}

bool accept_pseudonym(std::string& value, std::string& why) {
  if (!accept_token(value, why)) return false;
  if (value.size() <= kMostServerName) return true;
  why = "is longer than 64 characters";
  return false;
}

bool accept_method(std::string& value, std::string& why) {
  constexpr std::array<std::string_view, 9> kKnown = {"GET",     "HEAD",    "POST",  "PUT",  "DELETE",
                                                      "CONNECT", "OPTIONS", "TRACE", "PATCH"};
  if (!accept_token(value, why)) return false;
  std::string raised = value;
  std::transform(raised.begin(), raised.end(), raised.begin(), upper);
  if (value == raised || std::find(kKnown.begin(), kKnown.end(), raised) == kKnown.end()) return true;
  why = "is not a method; methods are in upper case, did you mean \"" + raised + "\"?";
  return false;
}

bool accept_scheme(std::string& value, std::string& why) {
  if (value == "http" || value == "https") return true;
  why = "is not a scheme that can be redirected to; one of: http, https";
  return false;
}

bool accept_field_value(std::string& value, std::string& why) {
  const bool printable =
      std::all_of(value.begin(), value.end(), [](char c) { return c >= 0x20 && c < 0x7f; });
  if (printable && value.front() != ' ' && value.back() != ' ') return true;
  why = "is not a header value; only printable ASCII is allowed, without spaces at the ends";
  return false;
}

bool accept_alpn(std::string& value, std::string& why) {
  const bool visible = std::all_of(value.begin(), value.end(), [](char c) { return c > 0x20 && c < 0x7f; });
  if (visible && value.size() <= 255) return true;
  why = "is no protocol's name; they look like http/1.1";
  return false;
}

bool accept_file(std::string& value, std::string& why) {
  if (std::none_of(value.begin(), value.end(), is_control)) return true;
  why = "contains a control character";
  return false;
}

bool accept_statuses(std::string& value, std::string& why) {
  return parse_statuses(value, why).has_value();
}

bool accept_bytes(std::string& value, std::string& why) {
  return parse_bytes(value, why).has_value();
}

bool accept_retry_condition(std::string& value, std::string& why) {
  for (const char* word : {"connect-failure", "dead-connection", "reset", "timeout", "bad-response"}) {
    if (value == word) return true;
  }
  const bool is_error = value.size() == 3 && (value[0] == '4' || value[0] == '5');
  if (is_error && value.substr(1) == "xx") return true;
  if (is_error && is_digit(value[1]) && is_digit(value[2])) return true;
  why =
      "is none of: connect-failure, dead-connection, reset, timeout, bad-response, a status such as 503, 5xx";
  return false;
}

}  // namespace

const TextFormat kAnyText = {"text", "", accept_any};
const TextFormat kName = {"a name of a-z, 0-9, _ and -", "^[a-z0-9_-]{1,64}$", accept_name};
const TextFormat kHostPattern = {"a host name, *.suffix or an IP address",
                                 R"(^(\*\.)?[A-Za-z0-9._-]+$|^\[[0-9A-Fa-f:.]+\]$)", accept_host_pattern};
const TextFormat kHost = {"a host name or IP address", R"(^[A-Za-z0-9._-]+$|^\[[0-9A-Fa-f:.]+\]$)",
                          accept_host};
const TextFormat kUrlPath = {"a path that begins with /", "^/[^ ?#]*$", accept_url_path};
const TextFormat kRedirectPath = {"a path that begins with /, with a query or without", "^/[^ #]*$",
                                  accept_redirect_path};
const TextFormat kMethod = {"an HTTP method", "^[A-Za-z0-9!#$%&'*+.^_`|~-]+$", accept_method};
const TextFormat kScheme = {"http or https", "^https?$", accept_scheme};
const TextFormat kToken = {"an HTTP token", "^[A-Za-z0-9!#$%&'*+.^_`|~-]+$", accept_token};
const TextFormat kPseudonym = {"an HTTP token", "^[A-Za-z0-9!#$%&'*+.^_`|~-]{1,64}$", accept_pseudonym};
const TextFormat kFieldValue = {"a header value", "^[!-~]([ -~]*[!-~])?$", accept_field_value};
const TextFormat kFileTarget = {"stdout, stderr or a file's path", "^.+$", accept_file};
const TextFormat kGlob = {"a file name or pattern", "^.+$", accept_file};
const TextFormat kFile = {"a file's path", "^.+$", accept_file};
const TextFormat kStatuses = {"an HTTP status, such as 2xx, 200-299 or 404",
                              "^([1-5]xx|[1-5][0-9]{2}(-[1-5][0-9]{2})?)$", accept_statuses};
const TextFormat kBytes = {R"(text with escapes such as \r\n)", "", accept_bytes};
const TextFormat kAlpn = {"a protocol's name, such as http/1.1", "^[!-~]{1,255}$", accept_alpn};
const TextFormat kRetryCondition = {
    "connect-failure, dead-connection, reset, timeout, bad-response or a status such as 503 or 5xx",
    "^(connect-failure|dead-connection|reset|timeout|bad-response|[45]([0-9][0-9]|xx))$",
    accept_retry_condition};

}  // namespace lintel::config
