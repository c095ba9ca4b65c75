#include "tests/support/nats_identity.h"

#include <openssl/evp.h>
#include <openssl/rand.h>

#include <array>
#include <cstdint>
#include <memory>
#include <string_view>

#include "tests/support/deadline.h"

namespace support {
namespace {

// Prefixes of NKEYs (github.com/nats-io/nkeys, strkey.go).
constexpr uint8_t kSeed = 18 << 3;
constexpr uint8_t kOperator = 14 << 3;
constexpr uint8_t kAccount = 0;
constexpr uint8_t kUser = 20 << 3;

std::string Base(std::string_view bytes, std::string_view alphabet, int bits) {
  std::string text;
  uint32_t held = 0;
  int count = 0;
  const auto take = [&](int shift) {
    text.push_back(alphabet[(held >> shift) & ((1U << bits) - 1)]);
  };
  for (const char c : bytes) {
    held = held << 8 | static_cast<uint8_t>(c);
    for (count += 8; count >= bits; count -= bits) take(count - bits);
  }
  if (count > 0) {
    held <<= bits - count;
    take(0);
  }
  return text;
}
std::string Base32(std::string_view bytes) {
  return Base(bytes, "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567", 5);
}
std::string Base64Url(std::string_view bytes) {
  return Base(bytes, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_", 6);
}

// An NKEY ends with the CRC-16 (XMODEM) of what is before it, low byte first.
std::string Nkey(std::string bytes) {
  uint16_t crc = 0;
  for (const char c : bytes) {
    crc = static_cast<uint16_t>(crc ^ static_cast<uint8_t>(c) << 8);
    for (int i = 0; i < 8; ++i) {
      crc = static_cast<uint16_t>((crc & 0x8000) != 0 ? crc << 1 ^ 0x1021 : crc << 1);
    }
  }
  bytes.push_back(static_cast<char>(crc & 255));
  bytes.push_back(static_cast<char>(crc >> 8));
  return Base32(bytes);
}

class Key {
 public:
  explicit Key(uint8_t kind) : kind_(kind) {
    if (RAND_bytes(seed_.data(), static_cast<int>(seed_.size())) != 1) throw TestFailure("RAND");
    key_.reset(EVP_PKEY_new_raw_private_key(EVP_PKEY_ED25519, nullptr, seed_.data(), seed_.size()));
    std::size_t size = public_.size();
    if (key_ == nullptr || EVP_PKEY_get_raw_public_key(key_.get(), public_.data(), &size) != 1) {
      throw TestFailure("no Ed25519");
    }
  }

  std::string Name() const { return Nkey(static_cast<char>(kind_) + Text(public_)); }
  std::string Seed() const {
    std::string bytes;
    bytes.push_back(static_cast<char>(kSeed | kind_ >> 5));
    bytes.push_back(static_cast<char>((kind_ & 31) << 3));
    return Nkey(bytes + Text(seed_));
  }
  // Returns what this key states about `subject`: `claims` are the members of "nats".
  std::string Say(const std::string& subject, const std::string& claims) const {
    const std::string text =
        Base64Url(R"({"typ":"JWT","alg":"ed25519-nkey"})") + "." +
        Base64Url(R"({"jti":"test","iat":1700000000,"name":"test","iss":")" + Name() +
                  R"(","sub":")" + subject + R"(","nats":{)" + claims + R"(,"version":2}})");
    return text + "." + Base64Url(Sign(text));
  }

 private:
  struct Free {
    void operator()(EVP_PKEY* key) const { EVP_PKEY_free(key); }
    void operator()(EVP_MD_CTX* context) const { EVP_MD_CTX_free(context); }
  };
  using Bytes = std::array<unsigned char, 32>;

  static std::string Text(const Bytes& bytes) { return {bytes.begin(), bytes.end()}; }
  std::string Sign(const std::string& text) const {
    const std::unique_ptr<EVP_MD_CTX, Free> context(EVP_MD_CTX_new());
    std::array<unsigned char, 64> signature;
    std::size_t size = signature.size();
    if (EVP_DigestSignInit(context.get(), nullptr, nullptr, nullptr, key_.get()) != 1 ||
        EVP_DigestSign(context.get(), signature.data(), &size,
                       reinterpret_cast<const unsigned char*>(text.data()), text.size()) != 1) {
      throw TestFailure("cannot sign");
    }
    return {signature.begin(), signature.end()};
  }

  uint8_t kind_;
  Bytes seed_{};
  Bytes public_{};
  std::unique_ptr<EVP_PKEY, Free> key_;
};

}  // namespace

NatsIdentity MakeNatsIdentity() {
  const Key op(kOperator);
  const Key system(kAccount);
  const Key account(kAccount);
  const Key user(kUser);
  const std::string unlimited =
      R"("type":"account","limits":{"subs":-1,"data":-1,"payload":-1,"imports":-1,"exports":-1,)"
      R"("wildcards":true,"conn":-1,"leaf":-1)";
  NatsIdentity identity;
  identity.config =
      "operator: " + op.Say(op.Name(), R"("type":"operator")") +
      "\nsystem_account: " + system.Name() + "\nresolver: MEMORY\nresolver_preload: {\n  " +
      system.Name() + ": " + op.Say(system.Name(), unlimited + "}") + "\n  " + account.Name() +
      ": " +
      op.Say(account.Name(),
             unlimited + R"(,"mem_storage":-1,"disk_storage":-1,"streams":-1,"consumer":-1})") +
      "\n}\n";
  identity.creds =
      "-----BEGIN NATS USER JWT-----\n" +
      account.Say(user.Name(),
                  R"("type":"user","pub":{},"sub":{},"subs":-1,"data":-1,"payload":-1)") +
      "\n------END NATS USER JWT------\n\n-----BEGIN USER NKEY SEED-----\n" + user.Seed() +
      "\n------END USER NKEY SEED------\n";
  return identity;
}

}  // namespace support
