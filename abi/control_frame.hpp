// Frames of the control protocol: a header, a payload and a check of both, found again after garbage.
//
//     0  u32 magic           "ANc\x1b"
//     4  u8  version         of the framing, 1
//     5  u8  kind            request, reply, event
//     6  u16 type            which request, item or event
//     8  u32 sequence        a request's, repeated in its replies; events count by themselves
//    12  u16 length          of the payload, at most most_payload
//    14  u16 flags           more: another frame of this reply follows
//    16  u32 header check    CRC-32 of bytes 0..15
//    20  … payload
//    20 + length  u32 check  CRC-32 of the payload
//
// All numbers are little endian.
#pragma once

#include <algorithm>
#include <array>
#include <optional>
#include <span>

#include "abi/control_wire.hpp"
#include "base/types.hpp"

namespace antler::abi::control {

inline constexpr u32 magic = 0x1b634e41;
inline constexpr u8 framing_version = 1;
inline constexpr usize header_bytes = 20;
inline constexpr usize trailer_bytes = 4;
inline constexpr usize most_payload = 8192;
inline constexpr usize most_frame = header_bytes + most_payload + trailer_bytes;

enum class Kind : u8 { request = 1, reply = 2, event = 3 };

namespace flag {
inline constexpr u16 more = 1;
}

struct Header {
    Kind kind{};
    u16 type{};
    u32 sequence{};
    u16 length{};
    u16 flags{};
};

struct Frame {
    Header header{};
    Bytes payload{};  // in the buffer of whoever found it, until the next call
};

namespace detail {
inline constexpr auto crc_table = [] {
    std::array<u32, 256> table{};
    for (u32 i = 0; i < table.size(); ++i) {
        auto value = i;
        for (int bit = 0; bit < 8; ++bit) value = (value & 1) != 0 ? value >> 1 ^ 0xedb8'8320 : value >> 1;
        table[i] = value;
    }
    return table;
}();
}  // namespace detail

// CRC-32 as in Ethernet and zip.
[[nodiscard]] constexpr u32 crc32(Bytes bytes) {
    u32 value = 0xffff'ffff;
    for (auto const byte : bytes) value = value >> 8 ^ detail::crc_table[(value ^ byte) & 0xff];
    return ~value;
}
static_assert(crc32(std::array<u8, 9>{'1', '2', '3', '4', '5', '6', '7', '8', '9'}) == 0xcbf4'3926);

// Puts header and check around a payload that already lies at into[header_bytes…]; returns the frame.
[[nodiscard]] constexpr std::span<u8> seal(std::span<u8> into, Header header) {
    if (header.length > most_payload || into.size() < header_bytes + header.length + trailer_bytes)
        return into.first(0);
    Writer writer{into.first(header_bytes)};
    writer(magic);
    writer(framing_version);
    writer(header.kind);
    writer(header.type);
    writer(header.sequence);
    writer(header.length);
    writer(header.flags);
    writer(crc32(into.first(header_bytes - 4)));
    Writer trailer{into.subspan(header_bytes + header.length, trailer_bytes)};
    trailer(crc32(into.subspan(header_bytes, header.length)));
    return into.first(header_bytes + header.length + trailer_bytes);
}

// A whole frame at the start of `into`; empty where it does not fit.
template <Message M>
[[nodiscard]] constexpr std::span<u8> encode_frame(std::span<u8> into, Header header, M const& message) {
    if (into.size() < header_bytes + trailer_bytes) return into.first(0);
    auto const room = std::min(into.size() - header_bytes - trailer_bytes, most_payload);
    Writer writer{into.subspan(header_bytes, room)};
    message.fields(writer);
    if (!writer.ok()) return into.first(0);
    header.length = static_cast<u16>(writer.size());
    return seal(into, header);
}

// The header at the start of `bytes`, if all of it is there and right.
[[nodiscard]] constexpr std::optional<Header> decode_header(Bytes bytes) {
    if (bytes.size() < header_bytes) return std::nullopt;
    Reader reader{bytes.first(header_bytes)};
    u32 found_magic = 0;
    u8 version = 0;
    Header header;
    u32 check = 0;
    reader(found_magic);
    reader(version);
    reader(header.kind);
    reader(header.type);
    reader(header.sequence);
    reader(header.length);
    reader(header.flags);
    reader(check);
    bool const right = found_magic == magic && version == framing_version && header.length <= most_payload &&
                       check == crc32(bytes.first(header_bytes - 4));
    return right ? std::optional{header} : std::nullopt;
}

// Finds frames in a stream that may hold anything.  Bytes of a frame that turns out wrong are looked through
// again from the next magic, so a frame behind garbage is found.  A frame that never ends is given up by
// give_up(), which the owner calls when nothing came for `patience`.
template <usize Room = most_frame>
class FrameFinder {
    static_assert(Room >= most_frame);

public:
    static constexpr u64 patience_milliseconds = 250;

    // Takes as many bytes as there is room for; the rest is offered again after next() had nothing more.
    [[nodiscard]] constexpr usize feed(Bytes bytes) {
        forget_consumed();
        auto const taken = std::min(bytes.size(), Room - used_);
        for (usize i = 0; i < taken; ++i) buffer_[used_ + i] = bytes[i];
        used_ += taken;
        return taken;
    }
    [[nodiscard]] constexpr usize room() const { return Room - used_ + consumed_; }

    // The next whole frame; its payload is valid until the next call of anything.
    [[nodiscard]] constexpr std::optional<Frame> next() {
        for (;;) {
            forget_consumed();
            skip_to_magic();
            Bytes const here{buffer_.data(), used_};
            if (here.size() < header_bytes) return std::nullopt;
            auto const header = decode_header(here);
            if (!header) {
                skip(1);
                continue;
            }
            auto const whole = header_bytes + header->length + trailer_bytes;
            if (here.size() < whole) return std::nullopt;
            auto const payload = here.subspan(header_bytes, header->length);
            u32 check = 0;
            Reader{here.subspan(header_bytes + header->length)}(check);
            if (check != crc32(payload)) {
                skip(1);
                continue;
            }
            consumed_ = whole;
            return Frame{*header, payload};
        }
    }

    // Something that began like a frame is here and has not ended.
    [[nodiscard]] constexpr bool waits() const { return used_ > consumed_; }
    constexpr void give_up() {
        forget_consumed();
        if (used_ != 0) skip(1);
    }
    constexpr void clear() { used_ = consumed_ = 0; }
    // Bytes that belonged to no frame.
    [[nodiscard]] constexpr u64 garbage() const { return garbage_; }

private:
    constexpr void drop(usize bytes) {
        std::copy(buffer_.begin() + bytes, buffer_.begin() + used_, buffer_.begin());
        used_ -= bytes;
    }
    constexpr void forget_consumed() {
        if (consumed_ != 0) drop(consumed_);
        consumed_ = 0;
    }
    constexpr void skip(usize bytes) {
        garbage_ += bytes;
        drop(bytes);
    }
    constexpr void skip_to_magic() {
        usize at = 0;
        while (at < used_ && !may_be_magic(at)) ++at;
        if (at != 0) skip(at);
    }
    [[nodiscard]] constexpr bool may_be_magic(usize at) const {
        for (usize i = 0; i < sizeof magic && at + i < used_; ++i)
            if (buffer_[at + i] != static_cast<u8>(magic >> 8 * i)) return false;
        return true;
    }

    std::array<u8, Room> buffer_{};
    usize used_ = 0;
    usize consumed_ = 0;  // of the frame that next() returned
    u64 garbage_ = 0;
};

}  // namespace antler::abi::control
