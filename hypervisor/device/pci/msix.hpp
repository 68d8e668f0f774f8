// MSI-X: a table of messages, one for each vector, which vectors wait behind a mask, and the capability.
#pragma once

#include <array>
#include <bit>
#include <concepts>
#include <optional>
#include <utility>

#include "device/pci/configuration.hpp"

namespace antler::device::pci {

// Where a message goes: sink(address, data).
template <class S>
concept MessageSink = std::invocable<S&, Gpa, u32>;

struct Message {
    u64 address = 0;
    u32 data = 0;
    bool masked = true;
};

// The table as registers: 16 bytes for each vector, read and written 4 or 8 at a time.
class MsixTable {
public:
    static constexpr Offset entry_bytes = 16;

    explicit MsixTable(std::span<Message> messages) : messages_{messages} {}

    [[nodiscard]] u32 size() const { return static_cast<u32>(messages_.size()); }
    [[nodiscard]] Message const& operator[](u32 vector) const { return messages_[vector]; }

    [[nodiscard]] u64 read(Offset at, Width width) const {
        auto const vector = at / entry_bytes;
        if (vector >= messages_.size() || !fits(at, width)) return 0;
        auto const low = word(messages_[vector], at % entry_bytes / 4);
        if (width == Width::word) return low;
        return low | u64{word(messages_[vector], at % entry_bytes / 4 + 1)} << 32;
    }
    // The vector whose message has changed.
    std::optional<u32> write(Offset at, Width width, u64 value) {
        auto const vector = at / entry_bytes;
        if (vector >= messages_.size() || !fits(at, width)) return std::nullopt;
        set_word(messages_[vector], at % entry_bytes / 4, static_cast<u32>(value));
        if (width == Width::doubleword)
            set_word(messages_[vector], at % entry_bytes / 4 + 1, static_cast<u32>(value >> 32));
        return vector;
    }
    void reset() {
        for (auto& message : messages_) message = {};
    }

private:
    [[nodiscard]] static bool fits(Offset at, Width width) {
        return (width == Width::word || width == Width::doubleword) && at % static_cast<u32>(width) == 0;
    }
    [[nodiscard]] static u32 word(Message const& message, u32 which) {
        switch (which) {
            case 0: return static_cast<u32>(message.address);
            case 1: return static_cast<u32>(message.address >> 32);
            case 2: return message.data;
            default: return message.masked ? 1 : 0;
        }
    }
    static void set_word(Message& message, u32 which, u32 value) {
        switch (which) {
            case 0: message.address = (message.address & ~u64{0xffff'ffff}) | (value & ~3u); break;
            case 1: message.address = (message.address & 0xffff'ffff) | u64{value} << 32; break;
            case 2: message.data = value; break;
            default: message.masked = (value & 1) != 0; break;
        }
    }

    std::span<Message> messages_;
};

// The capability and its message control.
struct MsixPlace {
    u8 bar = 0;
    Offset table = 0;  // both at multiples of eight bytes
    Offset pending = 0;
};

namespace msix_control {
enum : u16 { enable = 1u << 15, mask_all = 1u << 14 };
}

// Adds it to the configuration; where it begins.
inline std::optional<Offset> add_msix(Configuration& configuration, u32 vectors, MsixPlace const& where) {
    std::array<u8, 10> body{};
    store(body, 0, 2, vectors - 1);
    store(body, 2, 4, where.table | where.bar);
    store(body, 6, 4, where.pending | where.bar);
    auto const at = configuration.add_capability(capability_id::msix, body);
    if (at) configuration.allow(*at + 2, 2, msix_control::enable | msix_control::mask_all);
    return at;
}

// Of a device that is emulated.  A message that is masked is kept, and sent when it may.
template <MessageSink Sink, u32 most>
class Msix {
public:
    static_assert(most <= 64);

    Msix(u32 vectors, Sink sink) : vectors_{vectors < most ? vectors : most}, sink_{std::move(sink)} {}

    [[nodiscard]] u32 vectors() const { return vectors_; }
    [[nodiscard]] bool is_enabled() const { return (control_ & msix_control::enable) != 0; }

    // The message control as it is now.
    void set_control(u16 control) {
        control_ = control;
        if (is_enabled())
            send_waiting();
        else
            waiting_ = 0;
    }

    [[nodiscard]] u64 read_table(Offset at, Width width) { return table().read(at, width); }
    void write_table(Offset at, Width width, u64 value) {
        if (table().write(at, width, value)) send_waiting();
    }
    [[nodiscard]] u64 read_pending(Offset at, Width width) const {
        std::array<u8, 8> bits{};
        store(bits, 0, 8, waiting_);
        return load(bits, at, static_cast<u32>(width));
    }

    void raise(u32 vector) {
        if (vector >= vectors_ || !is_enabled()) return;
        waiting_ |= u64{1} << vector;
        send_waiting();
    }
    void reset() {
        table().reset();
        waiting_ = 0;
        control_ = 0;
    }

    void visit(StateVisitor auto& state) {
        for (auto& message : messages_) {
            state("address", message.address);
            state("data", message.data);
            state("masked", message.masked);
        }
        state("waiting", waiting_);
    }

private:
    [[nodiscard]] MsixTable table() { return MsixTable{std::span{messages_}.first(vectors_)}; }

    void send_waiting() {
        if ((control_ & msix_control::mask_all) != 0) return;
        for (auto left = waiting_; left != 0; left &= left - 1) {
            auto const vector = static_cast<u32>(std::countr_zero(left));
            auto const& message = messages_[vector];
            if (message.masked) continue;
            waiting_ &= ~(u64{1} << vector);
            sink_(Gpa{message.address}, message.data);
        }
    }

    std::array<Message, most> messages_{};
    u64 waiting_ = 0;
    u32 vectors_;
    u16 control_ = 0;
    Sink sink_;
};

}  // namespace antler::device::pci
