// SPDX-License-Identifier: Apache-2.0
#include "crypto/libcrypto.hpp"

#include <dlfcn.h>

#include <optional>

namespace hsfwd::crypto {

namespace {

#ifdef __APPLE__
constexpr const char* kLibcryptoName = "libcrypto.3.dylib";
#else
constexpr const char* kLibcryptoName = "libcrypto.so.3";
#endif

struct LibraryContext;  // OSSL_LIB_CTX

/// Sets `function` to the one of that name.
template <class Function>
bool find_function(void* library, const char* name, Function*& function) {
  function = reinterpret_cast<Function*>(dlsym(library, name));
  return function != nullptr;
}

/// In a library context of its own, since the machine's openssl.cnf, which libcrypto reads at its first use, may
/// ask for FIPS or activate no provider. It stays until the end, as does the library.
std::optional<Libcrypto> load_libcrypto() {
  void* const library = dlopen(kLibcryptoName, RTLD_NOW | RTLD_LOCAL);
  if (library == nullptr) return std::nullopt;
  Libcrypto out;
  LibraryContext* (*new_library_context)() = nullptr;
  const Libcrypto::Cipher* (*fetch)(LibraryContext*, const char*, const char*) = nullptr;
  const bool all = find_function(library, "EVP_CIPHER_CTX_new", out.new_context) &&
                   find_function(library, "EVP_CIPHER_CTX_free", out.free_context) &&
                   find_function(library, "EVP_CipherInit_ex", out.init) &&
                   find_function(library, "EVP_CipherUpdate", out.update) &&
                   find_function(library, "EVP_CipherFinal_ex", out.finish) &&
                   find_function(library, "EVP_CIPHER_CTX_ctrl", out.control) &&
                   find_function(library, "OSSL_LIB_CTX_new", new_library_context) &&
                   find_function(library, "EVP_CIPHER_fetch", fetch);
  LibraryContext* const context = all ? new_library_context() : nullptr;
  if (context != nullptr) out.cipher = fetch(context, "ChaCha20-Poly1305", "provider=default");
  if (out.cipher == nullptr) return std::nullopt;
  return out;
}

}  // namespace

const Libcrypto* Libcrypto::get() {
  static const std::optional<Libcrypto> kLoaded = load_libcrypto();
  return kLoaded ? &*kLoaded : nullptr;
}

}  // namespace hsfwd::crypto
