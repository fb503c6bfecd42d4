#include "route/template.h"

#include <algorithm>

#include "config/diagnostic.h"
#include "http/cookie.h"

namespace lintel::route {

struct Template::Variable {
  std::string_view name;
  Kind kind;
  bool is_named = false;  ///< "{header.NAME}".
  bool only_of_response = false;
};

constexpr Template::Variable Template::kVariables[] = {
    {"client_ip", Kind::client_ip},
    {"host", Kind::host},
    {"method", Kind::method},
    {"path", Kind::path},
    {"query", Kind::query},
    {"uri", Kind::uri},
    {"scheme", Kind::scheme},
    {"sni", Kind::sni},
    {"client_cert_subject", Kind::client_cert_subject},
    {"request_id", Kind::request_id},
    {"listener", Kind::listener},
    {"route", Kind::route},
    {"header", Kind::header, true},
    {"cookie", Kind::cookie, true},
    {"query", Kind::parameter, true},
    {"pool", Kind::pool, false, true},
    {"server", Kind::server, false, true},
    {"status", Kind::status, false, true},
};

std::optional<Template::Part> Template::variable(std::string_view name, For use, std::string& why,
                                                 std::size_t groups) {
  if (name.size() == 1 && name[0] >= '0' && name[0] <= '9') {
    const auto group = static_cast<std::size_t>(name[0] - '0');
    if (use == For::replacement && group <= groups) return Part{Kind::group, {}, group};
    why = use == For::replacement ? "names the group {" + std::string(name) + "}, and the expression has " +
                                        std::to_string(groups)
                                  : "has {" + std::string(name) + "}, which only a rewrite's regex can fill";
    return std::nullopt;
  }
  const std::size_t dot = name.find('.');
  const std::string_view family = name.substr(0, dot);
  const bool has_name = dot != std::string_view::npos && dot + 1 < name.size();
  std::vector<std::string_view> known;
  for (const Variable& each : kVariables) {
    if (each.only_of_response && use != For::response) continue;
    if (each.name == family && each.is_named == has_name) {
      return Part{each.kind, has_name ? std::string(name.substr(dot + 1)) : std::string(), 0};
    }
    known.push_back(each.name);
  }
  why = "has the unknown variable {" + std::string(name) + "}: " + config::suggest(name, known) +
        "; header, cookie and query take a name, as {header.X-User}";
  return std::nullopt;
}

std::optional<Template> Template::compile(std::string_view text, For use, std::string& why,
                                          std::size_t groups) {
  Template compiled;
  std::string literal;
  const auto end_literal = [&] {
    if (!literal.empty()) compiled.parts_.push_back({Kind::literal, std::exchange(literal, {}), 0});
  };
  for (std::size_t i = 0; i < text.size(); ++i) {
    const bool doubled = i + 1 < text.size() && text[i + 1] == text[i];
    if (text[i] != '{' && text[i] != '}') {
      literal += text[i];
    } else if (doubled) {
      literal += text[i++];
    } else {
      const std::size_t close = text.find('}', i);
      if (text[i] == '}' || close == std::string_view::npos) {
        why = std::string("has a single \"") + text[i] + "\" at position " + std::to_string(i + 1) +
              "; write it twice where you mean the character";
        return std::nullopt;
      }
      auto part = variable(text.substr(i + 1, close - i - 1), use, why, groups);
      if (!part) return std::nullopt;
      end_literal();
      compiled.parts_.push_back(std::move(*part));
      i = close;
    }
  }
  end_literal();
  return compiled;
}

void Template::append_to(Buffer& out, const Values& values) const {
  for (const Part& part : parts_) append_part(out, part, values);
}

void Template::append_part(Buffer& out, const Part& part, const Values& values) {
  const RequestView& request = values.request;
  switch (part.kind) {
    case Kind::literal:
      return out.append(part.text);
    case Kind::client_ip:
      return out.append(request.client_ip);
    case Kind::host:
      return out.append(request.host);
    case Kind::method:
      return out.append(request.method == http::Method::other ? request.method_text
                                                              : http::method_name(request.method));
    case Kind::path:
      return out.append(request.path);
    case Kind::query:
      return out.append(request.query);
    case Kind::uri:
      out.append(request.path);
      if (!request.query.empty()) out.append('?');
      return out.append(request.query);
    case Kind::scheme:
      return out.append(values.scheme);
    case Kind::sni:
      return out.append(request.sni);
    case Kind::client_cert_subject:
      return out.append(request.client_cert_subject.value_or(std::string_view()));
    case Kind::request_id:
      return out.append(values.request_id);
    case Kind::listener:
      return out.append(values.listener);
    case Kind::route:
      return out.append(values.route);
    case Kind::header:
      if (request.fields) out.append(request.fields->get(part.text));
      return;
    case Kind::cookie:
      if (request.fields) out.append(http::cookie_value(*request.fields, part.text));
      return;
    case Kind::parameter:
      return out.append(http::query_value(request.query, part.text));
    case Kind::pool:
      return out.append(values.pool);
    case Kind::server:
      return out.append(values.server);
    case Kind::status:
      return out.append_number(static_cast<std::uint64_t>(values.status));
    case Kind::group:
      if (part.group < values.groups.size()) out.append(values.groups[part.group]);
      return;
  }
}

}  // namespace lintel::route
