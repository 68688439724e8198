// SPDX-License-Identifier: Apache-2.0
// libcrypto, which is loaded elsewhere (crypto/libcrypto.cpp), is a part of the program here: a second C library, which any
// shared library brings along, has no place beside the program's own. Whatever else asks for a library gets none.
#include <dlfcn.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>

#include <cstring>

namespace {

struct Function {
  const char* name;
  void* address;
};

template <class Signature>
void* address_of(Signature* function) {
  return reinterpret_cast<void*>(function);
}

const Function kFunctions[] = {
    {"EVP_CIPHER_CTX_new", address_of(EVP_CIPHER_CTX_new)},
    {"EVP_CIPHER_CTX_free", address_of(EVP_CIPHER_CTX_free)},
    {"EVP_CipherInit_ex", address_of(EVP_CipherInit_ex)},
    {"EVP_CipherUpdate", address_of(EVP_CipherUpdate)},
    {"EVP_CipherFinal_ex", address_of(EVP_CipherFinal_ex)},
    {"EVP_CIPHER_CTX_ctrl", address_of(EVP_CIPHER_CTX_ctrl)},
    {"OSSL_LIB_CTX_new", address_of(OSSL_LIB_CTX_new)},
    {"EVP_CIPHER_fetch", address_of(EVP_CIPHER_fetch)},
};

const char kLinked[] = "libcrypto.so.3";

}  // namespace

extern "C" {

void* dlopen(const char* name, int) noexcept {
  return name != nullptr && std::strcmp(name, kLinked) == 0 ? const_cast<char*>(kLinked) : nullptr;
}

void* dlsym(void* __restrict library, const char* __restrict name) noexcept {
  if (library != kLinked) return nullptr;
  for (const Function& function : kFunctions) {
    if (std::strcmp(function.name, name) == 0) return function.address;
  }
  return nullptr;
}

int dlclose(void*) noexcept {
  return 0;
}

}  // extern "C"
