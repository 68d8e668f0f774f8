// The ChaCha20 block function, and the two ways of turning it.
#include "boot/entropy.hpp"

#include <bit>

namespace antler::boot {
namespace {

void quarter_round(u32& a, u32& b, u32& c, u32& d) {
    a += b, d = std::rotl(d ^ a, 16);
    c += d, b = std::rotl(b ^ c, 12);
    a += b, d = std::rotl(d ^ a, 8);
    c += d, b = std::rotl(b ^ c, 7);
}

}  // namespace

Entropy::Block Entropy::next_block() {
    Block start{0x6170'7865, 0x3320'646e, 0x7962'2d32, 0x6b20'6574};  // "expand 32-byte k"
    for (usize i = 0; i < key_.size(); ++i) start[4 + i] = key_[i];
    start[12] = static_cast<u32>(counter_);
    start[13] = static_cast<u32>(counter_ >> 32);
    ++counter_;
    auto x = start;
    for (int round = 0; round < 10; ++round) {
        for (usize i = 0; i < 4; ++i) quarter_round(x[i], x[4 + i], x[8 + i], x[12 + i]);
        for (usize i = 0; i < 4; ++i)
            quarter_round(x[i], x[4 + (i + 1) % 4], x[8 + (i + 2) % 4], x[12 + (i + 3) % 4]);
    }
    for (usize i = 0; i < x.size(); ++i) x[i] += start[i];
    return x;
}

void Entropy::mix(std::span<u8 const> bytes, bool secret) {
    for (usize done = 0; done < bytes.size(); done += sizeof key_) {
        for (usize i = 0; i < sizeof key_ && done + i < bytes.size(); ++i)
            key_[i / 4] ^= u32{bytes[done + i]} << i % 4 * 8;
        auto const block = next_block();
        for (usize i = 0; i < key_.size(); ++i) key_[i] = block[i];
    }
    seeded_ = seeded_ || (secret && !bytes.empty());
}

bool Entropy::draw(std::span<u8> into) {
    if (!seeded_) return false;
    // The first half of each block becomes the key, the second half goes out.
    for (usize done = 0; done < into.size(); done += sizeof key_) {
        auto const block = next_block();
        for (usize i = 0; i < key_.size(); ++i) key_[i] = block[i];
        for (usize i = 0; i < sizeof key_ && done + i < into.size(); ++i)
            into[done + i] = static_cast<u8>(block[8 + i / 4] >> i % 4 * 8);
    }
    return true;
}

}  // namespace antler::boot
