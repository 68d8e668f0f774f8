// What of a function's configuration reaches the function.
#include "vm/pci_passthrough.hpp"

#include "base/address.hpp"
#include "device/pci/host_bridge.hpp"

namespace antler::vm {

namespace pci = device::pci;
using device::Offset;
using device::Width;

namespace {

constexpr Offset first_capability = 0x34;
constexpr u32 bar_flags = 7;  // of a place in a BAR, the BAR

[[nodiscard]] u8 byte_of(BoardFunction& board, Offset at) {
    return static_cast<u8>(board.read(at & ~3u) >> (at % 4 * 8));
}

// A list that goes round in circles ends: there is room for 48.
template <class Body>
void for_each_capability(BoardFunction& board, Body&& body) {
    u32 left = 48;
    for (Offset at = byte_of(board, first_capability) & 0xfcu; at != 0 && left > 0;
         --left, at = byte_of(board, at + 1) & 0xfcu)
        body(byte_of(board, at), at);
}

}  // namespace

void PciPassthrough::look() {
    for (u32 i = 0; i < pci::bar_count; ++i) bars_[i] = board_.bar(i);
    for_each_capability(board_, [&](u8 id, Offset at) {
        if (id != pci::capability_id::msix || board_msix_ != 0) return;
        constexpr u32 size_mask = 0x7ff;
        auto const vectors = (board_.read(at) >> 16 & size_mask) + 1;
        auto const table = board_.read(at + 4);
        auto const pending = board_.read(at + 8);
        auto const bar = table & bar_flags;
        auto const offset = table & ~bar_flags;
        if (bar >= pci::bar_count || offset > bars_[bar].range.size ||
            u64{vectors} * pci::MsixTable::entry_bytes > bars_[bar].range.size - offset)
            return;
        board_msix_ = at;
        vectors_ = vectors < most_vectors ? vectors : most_vectors;
        table_bar_ = bar;
        table_ = offset;
        // What it tells of both is the guest's too; the pending bits may lie in another BAR.
        place_ = {.bar = static_cast<u8>(bar), .table = offset, .pending = pending & ~bar_flags};
        if ((pending & bar_flags) != bar) place_.pending = offset;
    });
}

void PciPassthrough::describe(std::span<pci::Message> messages) {
    messages_ = messages;
    auto const identity = board_.read(0);
    auto const kind = board_.read(pci::place::revision);
    auto const subsystem = board_.read(pci::place::subsystem_vendor);
    configuration_.identify({.vendor = static_cast<u16>(identity),
                             .device = static_cast<u16>(identity >> 16),
                             .revision = static_cast<u8>(kind),
                             .class_code = kind >> 8,
                             .subsystem_vendor = static_cast<u16>(subsystem),
                             .subsystem = static_cast<u16>(subsystem >> 16)});
    if (has_pin_) configuration_.put(pci::place::interrupt_pin, 1, 1);  // INTA, whichever the board's is
    for (u32 i = 0; i < pci::bar_count; ++i)
        if (bars_[i].range.size != 0)
            configuration_.set_bar(
                i,
                {.bytes = bars_[i].range.size, .wide = bars_[i].wide, .prefetchable = bars_[i].prefetchable});
    if (vectors_ != 0) msix_ = pci::add_msix(configuration_, vectors_, place_).value_or(0);
    if (msix_ == 0) vectors_ = 0;
    add_capabilities();
}

// Those of the vendor, as they are: they say where things lie in BARs.  The one by which virtio shows BARs in
// the configuration would go past the table of messages.   [virtio 4.1.4.9]
void PciPassthrough::add_capabilities() {
    constexpr u32 virtio_vendor = 0x1af4, virtio_window = 5;
    bool const is_virtio = configuration_.get(pci::place::vendor, 2) == virtio_vendor;
    for_each_capability(board_, [&](u8 id, Offset at) {
        if (id != pci::capability_id::vendor) return;
        if (is_virtio && byte_of(board_, at + 3) == virtio_window) return;
        std::array<u8, 64> body{};
        u32 const length = byte_of(board_, at + 2);
        if (length < 3 || length - 2 > body.size()) return;
        for (u32 i = 0; i < length - 2; ++i) body[i] = byte_of(board_, at + 2 + i);
        static_cast<void>(
            configuration_.add_capability(pci::capability_id::vendor, std::span{body}.first(length - 2)));
    });
}

void PciPassthrough::power_on() {
    board_.reset();
    configuration_.reset();
    for (u32 i = 0; i < pci::bar_count; ++i)
        if (bars_[i].range.size != 0)
            configuration_.write(pci::place::bars + 4 * i, bars_[i].wide ? 8 : 4, first_[i].raw());
    table().reset();
    for (u32 i = 0; i < vectors_; ++i) program(i);
    tell_command();
    tell_messages();
}

// Whether it asks by its pin just now: a driver that shares a wire looks here.
u64 PciPassthrough::read_configuration(Offset at, Width width) {
    auto const end = at + static_cast<u32>(width);
    if (has_pin_ && at < pci::place::status + 2 && pci::place::status < end) {
        auto const asks = board_.read(pci::place::command) >> 16 & pci::status::interrupt;
        auto const others = configuration_.get(pci::place::status, 2) & ~u64{pci::status::interrupt};
        configuration_.put(pci::place::status, 2, others | asks);
    }
    return configuration_.get(at, static_cast<u32>(width));
}

void PciPassthrough::write_configuration(Offset at, Width width, u64 value) {
    configuration_.write(at, static_cast<u32>(width), value);
    auto const end = at + static_cast<u32>(width);
    if (at < pci::place::status && pci::place::command < end) tell_command();
    if (msix_ != 0 && at < msix_ + 4 && msix_ + 2 < end) tell_messages();
}

// Its registers are always decoded: others cannot be reached through it.
void PciPassthrough::tell_command() {
    u32 real = pci::command::memory;
    if (configuration_.is_master()) real |= pci::command::master;
    if (!has_pin_ || (configuration_.command() & pci::command::no_interrupt) != 0)
        real |= pci::command::no_interrupt;
    board_.write(pci::place::command, real);
}

void PciPassthrough::tell_messages() {
    if (msix_ == 0) return;
    constexpr u32 guests = u32{pci::msix_control::enable | pci::msix_control::mask_all} << 16;
    auto const wanted = static_cast<u32>(configuration_.get(msix_ + 2, 2)) << 16;
    board_.write(board_msix_, (board_.read(board_msix_) & ~guests) | (wanted & guests));
}

// Masked while it changes.
void PciPassthrough::program(u32 vector) {
    auto const& message = messages_[vector];
    auto const at = bars_[table_bar_].range.start + table_ + u64{vector} * pci::MsixTable::entry_bytes;
    board_.store(at + 12, Width::word, 1);
    board_.store(at, Width::word, static_cast<u32>(message.address));
    board_.store(at + 4, Width::word, message.address >> 32);
    board_.store(at + 8, Width::word, message.data);
    if (!message.masked) board_.store(at + 12, Width::word, 0);
}

u64 PciPassthrough::read_bar(u32 bar, Offset at, Width width) {
    if (!is_within(bar, at, width)) return pci::nobody(width);
    if (is_table(bar, at)) return table().read(at - table_, width);
    return board_.load(bars_[bar].range.start + at, width);
}

void PciPassthrough::write_bar(u32 bar, Offset at, Width width, u64 value) {
    if (!is_within(bar, at, width)) return;
    if (!is_table(bar, at)) return board_.store(bars_[bar].range.start + at, width, value);
    if (auto const changed = table().write(at - table_, width, value)) program(*changed);
}

}  // namespace antler::vm
