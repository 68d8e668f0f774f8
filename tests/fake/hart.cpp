// A hart for the tests: a register file behind hart/'s names, a clock, and a record of its fences.
#include "tests/fake/hart.hpp"

#include <cstring>

#include "hart/csr_access.hpp"
#include "hart/fence.hpp"
#include "hart/float_vector.hpp"
#include "hart/guest_access.hpp"
#include "hart/guest_file.hpp"
#include "hart/own_file.hpp"

namespace antler {

namespace fake {

Hart& hart() {
    static thread_local Hart one;
    return one;
}

void reset_hart() {
    hart() = {};
    message_sink() = nullptr;
}

std::function<void(Hpa, u32)>& message_sink() {
    static std::function<void(Hpa, u32)> one;
    return one;
}

void update_hgeip(Hart& hart) {
    namespace csr = antler::hart::csr;
    u64 pending = 0;
    for (usize i = 0; i < hart.guest_files.size(); ++i)
        if (hart.guest_files[i].signals()) pending |= u64{2} << i;
    hart.csrs[csr::hgeip::number] = pending;
}

namespace {

void record(Fence::Kind kind, std::optional<u64> address = {}, std::optional<u64> identifier = {}) {
    Fence const fence{kind, address, identifier};
    hart().fences.push_back(fence);
    if (auto const hook = hart().on_fence) hook(fence);
}

}  // namespace
}  // namespace fake

namespace hart {

using fake::Fence;

u64& fake_csr(u16 number) {
    if (auto const hook = fake::hart().on_step) hook();
    // These are the units'.
    auto& mine = fake::hart();
    switch (number) {
        case csr::fcsr::number: return mine.floats.f[32];
        case csr::vstart::number: return mine.vector_state[0];
        case csr::vcsr::number: return mine.vector_state[3];
        default: return mine.csrs[number];
    }
}

Hart& this_hart() {
    static thread_local Hart unnamed;
    return fake::hart().current != nullptr ? *fake::hart().current : unnamed;
}

void hfence_gvma_all(FenceSite site) {
    if (fence_stands(site)) fake::record(Fence::Kind::guest_physical);
}
void hfence_gvma_vmid(FenceSite site, u64 vmid) {
    if (fence_stands(site)) fake::record(Fence::Kind::guest_physical, {}, vmid);
}
void hfence_gvma(FenceSite site, Gpa at, u64 vmid) {
    if (fence_stands(site)) fake::record(Fence::Kind::guest_physical, at.raw(), vmid);
}
void hfence_vvma_all(FenceSite site) {
    if (fence_stands(site)) fake::record(Fence::Kind::guest_virtual);
}
void hfence_vvma(FenceSite site, Gva at) {
    if (fence_stands(site)) fake::record(Fence::Kind::guest_virtual, at.raw());
}
void hfence_vvma_asid(FenceSite site, u64 asid) {
    if (fence_stands(site)) fake::record(Fence::Kind::guest_virtual, {}, asid);
}
void hfence_vvma(FenceSite site, Gva at, u64 asid) {
    if (fence_stands(site)) fake::record(Fence::Kind::guest_virtual, at.raw(), asid);
}
void sfence_vma_all(FenceSite site) {
    if (fence_stands(site)) fake::record(Fence::Kind::own);
}
void sfence_vma(FenceSite site, u64 at) {
    if (fence_stands(site)) fake::record(Fence::Kind::own, at);
}
void fence_i(FenceSite site) {
    if (fence_stands(site)) fake::record(Fence::Kind::instructions);
}
void fence_io() {
    fake::record(Fence::Kind::io);
}

void wait_for_interrupt() {
    ++fake::hart().waits;
    if (auto const hook = fake::hart().on_wait) hook();
}

u64 read_own_file(u16 select) {
    return fake::hart().file.read(select).value();
}
void write_own_file(u16 select, u64 value) {
    if (!fake::hart().file.write(select, value)) throw std::bad_optional_access{};
}
u16 claim_from_own_file() {
    return static_cast<u16>(fake::hart().file.claim());
}

namespace {

// What VGEIN and vsiselect name; a file that is not there is an exception on the machine.
isa::InterruptFile& chosen_file() {
    auto& mine = fake::hart();
    auto const guest = isa::Hstatus::vgein::get(mine.csrs[csr::hstatus::number]);
    return mine.guest_files.at(usize{guest} - 1);
}
u16 chosen_register() {
    return static_cast<u16>(fake::hart().csrs[csr::vsiselect::number]);
}

}  // namespace

u64 read_chosen() {
    return chosen_file().read(chosen_register()).value();
}
void write_chosen(u64 value) {
    if (!chosen_file().write(chosen_register(), value)) throw std::bad_optional_access{};
    fake::update_hgeip(fake::hart());
}
void set_in_chosen(u64 bits) {
    write_chosen(read_chosen() | bits);
}
void send_message(Hpa page, u32 identity) {
    if (auto const& sink = fake::message_sink()) sink(page, identity);
}

void pause() {
    if (auto const hook = fake::hart().on_pause) hook();
}

u64 time() {
    return fake::hart().now;
}

std::optional<u64> load_guest(Gva at, u8 width) {
    u64 value = 0;
    for (u8 i = 0; i < width; ++i) {
        auto const byte = fake::hart().guest_bytes.find(at.raw() + i);
        if (byte == fake::hart().guest_bytes.end()) return std::nullopt;
        value |= u64{byte->second} << (8 * i);
    }
    return value;
}

bool store_guest(Gva at, u8 width, u64 value) {
    if (!load_guest(at, width)) return false;
    for (u8 i = 0; i < width; ++i) fake::hart().guest_bytes[at.raw() + i] = static_cast<u8>(value >> (8 * i));
    return true;
}

std::optional<u16> fetch_guest(Gva at) {
    auto const parcel = load_guest(at, 2);
    if (!parcel) return std::nullopt;
    return static_cast<u16>(*parcel);
}

u64 copy_guarded(void* to, void const* from, u64 bytes) {
    if (to == nullptr || from == nullptr) return bytes;  // a window that shows nothing
    std::memcpy(to, from, bytes);
    return 0;
}

void save(FloatRegisters& registers) {
    ++fake::hart().float_saves;
    registers = fake::hart().floats;
}
void load(FloatRegisters const& registers) {
    ++fake::hart().float_loads;
    fake::hart().floats = registers;
}
void save(VectorState& vector) {
    auto& mine = fake::hart();
    ++mine.vector_saves;
    std::memcpy(vector.registers, mine.vectors.data(), mine.vectors.size());
    vector.state = mine.vector_state;
}
void load(VectorState const& vector) {
    auto& mine = fake::hart();
    ++mine.vector_loads;
    std::memcpy(mine.vectors.data(), vector.registers, mine.vectors.size());
    mine.vector_state = vector.state;
}
u64 vector_register_bytes() {
    return fake::Hart::vector_bytes;
}

}  // namespace hart
}  // namespace antler
