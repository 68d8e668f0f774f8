// Any calls in any order, from any hart of a guest: answered within the rules, and never the end of us.
#include "tests/fuzz/input.hpp"
#include "tests/unit/sbi/guest.hpp"

namespace antler::sbi {
namespace {

// Mostly what a guest could mean, sometimes anything.
u64 argument(fuzz::Input& bytes) {
    constexpr u64 likely[] = {0,
                              1,
                              2,
                              3,
                              0b1111,
                              4096,
                              256,
                              257,
                              ~u64{0},
                              ~u64{0} - 4095,
                              Guest::code,
                              Guest::code + 64,
                              Guest::code + Guest::memory_bytes - 64,
                              Guest::code + 1,
                              Guest::code + Guest::memory_bytes,
                              Guest::code + Guest::memory_bytes - 1,
                              Guest::memory_bytes,
                              0x8000'0000,
                              0xffff'ffff'8000'0000,
                              0x1000'0000};
    auto const choice = bytes.take<u8>();
    if (choice < 16) return bytes.take<u64>();
    return likely[choice % std::size(likely)];
}

u64 extension(fuzz::Input& bytes) {
    auto const choice = bytes.take<u8>();
    auto const rows = extensions();
    if (choice < 8) return bytes.take<u64>();
    return static_cast<u64>(rows[choice % rows.size()].id);
}

// What the run loop does after an exit, on hart 0.  False: the guest is gone, or nobody of it can run here.
bool settle(Guest& guest, vm::Vcpu& caller, Next next) {
    auto& core = guest.core(0);
    if (next == Next::block) core.block(caller);
    guest.on_hart(1, [](vm::Core& other) { other.serve_inbox(); });
    core.serve_inbox();
    if (guest.machine().is_over()) return false;
    for (u32 id = 0; id < 4; id += 2) {
        auto& vcpu = guest.vcpu(id);
        if (vcpu.place == vm::Vcpu::Place::blocked) vcpu.signal(vm::Request::software_interrupt);
    }
    bool runnable = false;
    core.serve_inbox();
    for (u32 id = 0; id < 4; id += 2) {
        auto const place = guest.vcpu(id).place;
        runnable = runnable || place == vm::Vcpu::Place::running || place == vm::Vcpu::Place::queued;
    }
    if (!runnable) return false;
    static_cast<void>(core.settle());
    return true;
}

void run(fuzz::Input bytes) {
    Guest guest{{.sstc = bytes.take<u8>() % 2 == 0}};
    for (int calls = 0; calls < 64 && !bytes.empty(); ++calls) {
        auto& caller = *guest.core(0).current;
        auto const id = extension(bytes);
        auto const function = bytes.take<u8>() < 16 ? bytes.take<u64>() : bytes.take<u8>() % 8U;
        std::vector<u64> arguments(6);
        for (auto& value : arguments) value = argument(bytes);
        if (bytes.take<u8>() % 4 == 0) guest.machine().machine().console_type("x");

        auto const answer = Guest::call_from(caller, id, function, arguments);
        VERIFY(answer.next == Next::advance || answer.next == Next::block || answer.next == Next::stop);
        bool const known = find_extension(id) != nullptr;
        if (!known) VERIFY((answer == Guest::error(Status::not_supported)));
        if (known && id >= 0x10 && answer.next == Next::advance) {
            VERIFY(answer.status <= Status::success && answer.status >= Status::denied_locked);
            VERIFY(answer.status == Status::success || answer.value == 0);
        }
        VERIFY(held_ranks() == 0);
        VERIFY(fake::outside().console.size() <= 64 * 256);
        fake::hart().now += 1000;
        if (!settle(guest, caller, answer.next)) return;
        fake::hart().fences.clear();
    }
}

}  // namespace
}  // namespace antler::sbi

extern "C" int LLVMFuzzerTestOneInput(unsigned char const* data, std::size_t size) {
    antler::sbi::run({data, size});
    return 0;
}
