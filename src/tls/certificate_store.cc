#include "tls/certificate_store.h"

#include <algorithm>
#include <utility>

namespace lintel::tls {
namespace {

constexpr std::size_t kLongestName = 255;

void add(Choice& choice, const Certificate& certificate) noexcept {
  const Certificate*& slot = choice.by_kind[static_cast<std::size_t>(certificate.kind)];
  if (!slot) slot = &certificate;
}

}  // namespace

CertificateStore::CertificateStore(std::vector<std::unique_ptr<Certificate>> certificates)
    : certificates_(std::move(certificates)) {
  for (const auto& one : certificates_) {
    for (const std::string& name : one->names) add(by_name_[name], *one);
  }
  const Certificate& first = *certificates_.front();
  add(fallback_, first);
  if (first.names.empty()) return;
  for (const Certificate* other : by_name_[first.names.front()].by_kind) {
    if (other) add(fallback_, *other);
  }
}

const Choice& CertificateStore::find(std::string_view server_name) const noexcept {
  std::array<char, kLongestName> lower;
  if (server_name.ends_with('.')) server_name.remove_suffix(1);
  if (server_name.empty() || server_name.size() > lower.size()) return fallback_;
  std::transform(server_name.begin(), server_name.end(), lower.begin(),
                 [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; });
  const std::string_view name(lower.data(), server_name.size());
  if (const auto exact = by_name_.find(name); exact != by_name_.end()) return exact->second;
  const std::size_t dot = name.find('.');
  if (dot == std::string_view::npos || dot == 0) return fallback_;
  lower[dot - 1] = '*';
  const auto wildcard = by_name_.find(name.substr(dot - 1));
  return wildcard != by_name_.end() ? wildcard->second : fallback_;
}

}  // namespace lintel::tls
