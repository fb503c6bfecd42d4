#pragma once

#include <array>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "tls/certificate.h"

namespace lintel::tls {

/// The certificates for one name: at most one of each kind of key, so that OpenSSL may take the one that the
/// client can use.
struct Choice {
  std::array<const Certificate*, kKeyKinds> by_kind{};
};

/// A listener's certificates by name. A look-up takes the same time however many there are.
class CertificateStore {
 public:
  /// `certificates` is not empty. Where two are for the same name and kind of key the first is taken.
  explicit CertificateStore(std::vector<std::unique_ptr<Certificate>> certificates);

  /// For `server_name` as the client sent it (in any case): the certificates for exactly that name, or for
  /// the wildcard one label above it, or else the default.
  [[nodiscard]] const Choice& find(std::string_view server_name) const noexcept;
  /// The first certificate, with those of other kinds for its first name.
  [[nodiscard]] const Choice& fallback() const noexcept { return fallback_; }
  [[nodiscard]] const std::vector<std::unique_ptr<Certificate>>& all() const noexcept {
    return certificates_;
  }

 private:
  struct Hash {
    using is_transparent = void;
    std::size_t operator()(std::string_view text) const noexcept {
      return std::hash<std::string_view>{}(text);
    }
  };
  std::vector<std::unique_ptr<Certificate>> certificates_;
  std::unordered_map<std::string, Choice, Hash, std::equal_to<>> by_name_;
  Choice fallback_;
};

}  // namespace lintel::tls
