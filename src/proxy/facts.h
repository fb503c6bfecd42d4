#pragma once

#include <optional>
#include <string_view>

#include "http/message.h"
#include "route/template.h"

namespace lintel::proxy {

/// A request as it was received, however its head is changed for the server: what routes match, what
/// variables stand for and what is logged. Views point into the head, the session and the generation.
struct RequestFacts {
  explicit RequestFacts(const http::RequestHead& request) noexcept
      : head(request), authority(request.authority), path(request.path), query(request.query) {}

  const http::RequestHead& head;
  http::Slice authority;
  http::Slice path;
  http::Slice query;
  std::string_view client_ip;
  std::string_view scheme;
  std::string_view sni;
  std::optional<std::string_view> client_cert_subject;
  std::string_view listener;
  std::string_view route;  ///< Empty until one is found.

  /// Valid until the head changes.
  [[nodiscard]] route::RequestView view() const noexcept {
    route::RequestView view = route::view_of(head);
    view.host = http::host_of(head.text(authority));
    view.path = head.text(path);
    view.query = head.text(query);
    view.client_ip = client_ip;
    view.sni = sni;
    view.client_cert_subject = client_cert_subject;
    return view;
  }
  /// What of a request's variables is known; `view` must be this request's, and outlive the result.
  [[nodiscard]] route::Values values(const route::RequestView& view) const noexcept {
    route::Values values{view};
    values.scheme = scheme;
    values.request_id = head.fields.get(http::FieldId::x_request_id);
    values.listener = listener;
    values.route = route;
    return values;
  }
};

}  // namespace lintel::proxy
