// Any trap with any registers and any instruction: answered, and never the end of us.
#include <cstring>

#include "tests/fuzz/input.hpp"
#include "tests/unit/vm/world.hpp"

namespace antler::vm {
namespace {

u64 address(fuzz::Input& bytes) {
    constexpr u64 likely[] = {0,           1,           0x10'0000,   0x10'1008,   0xc00'0004,  0xc20'0004,
                              0x1000'0000, 0x1000'0005, 0x1000'0007, 0x8000'0000, 0x801f'fffe, 0x8020'0000,
                              0x8060'0000, 0x807f'ffff, 0x8080'0000, ~u64{0}};
    auto const choice = bytes.take<u8>();
    return choice < 16 ? bytes.take<u64>() : likely[choice % std::size(likely)];
}

void one_run(fuzz::Input bytes) {
    World world{1};
    auto const flags = bytes.take<u8>();
    auto shown = isa::Features::all();
    shown.v = false;  // nobody gives it room for vectors here
    auto& vm = world.add({.vcpus = 2,
                          .shown = (flags & 1) != 0 ? shown : isa::Features{},
                          .policies = {.trap_memory = (flags & 2) != 0,
                                       .trap_wait = (flags & 4) != 0,
                                       .trap_return = (flags & 8) != 0},
                          .filled = (flags & 16) == 0,
                          .memory_bytes = u64{8} << 20});
    auto* running = &world.start(vm);
    isa::DecodeOptions const options{.ignore_htinst = (flags & 32) != 0, .ignore_htval = (flags & 64) != 0};
    world.core().trusts_traps = !options.ignore_htinst && !options.ignore_htval;
    if ((flags & 128) != 0) world.start(vm, 1);
    u32 turns = 0;
    while (!bytes.empty() && ++turns < 200) {
        // What the guest can have done to itself since.
        auto const how = bytes.take<u8>();
        running->x[1 + bytes.take<u8>() % 31] = address(bytes);
        if ((how & 1) != 0) running->pc = address(bytes) & ~u64{1};
        if ((how & 2) != 0) running->sstatus = isa::Sstatus::spp::set(running->sstatus, (how & 4) != 0);
        if ((how & 8) != 0) hart::csr::vsatp::write_raw(bytes.take<u64>());
        if ((how & 16) != 0) hart::csr::vstvec::write(address(bytes) & ~u64{2});
        if ((how & 32) != 0) hart::csr::vsstatus::write_raw(bytes.take<u64>());
        auto const code = static_cast<u32>(bytes.take<u64>());
        for (u32 i = 0; i < 4; ++i)
            if ((how & 64) == 0 || i < 2)
                fake::hart().guest_bytes[running->pc + i] = static_cast<u8>(code >> (8 * i));
        fake::hart().now += bytes.take<u8>();
        auto const cause = bytes.take<u8>();
        World::Trap const trap{
            .cause = static_cast<isa::Exception>(cause % 2 != 0 ? 20 + cause / 2 % 4 : cause / 2 % 64),
            .stval = (cause & 64) != 0 ? code : address(bytes),
            .htval = address(bytes) >> 2,
            .htinst = (cause & 128) != 0          ? code
                      : bytes.take<u8>() % 2 != 0 ? bytes.take<u64>()
                                                  : 0};
        running = world.take(*running, trap, options);
        for (int tries = 0; running == nullptr && tries < 4; ++tries) {
            if (vm.is_over()) return;
            for (u32 id = 0; id < 2; ++id) vm.vcpu(id)->signal(Request::software_interrupt);
            running = world.run();
        }
        if (running == nullptr) return;
        if (running->x[0] != 0) __builtin_trap();
    }
}

}  // namespace
}  // namespace antler::vm

extern "C" int LLVMFuzzerTestOneInput(antler::u8 const* data, antler::usize size) {
    antler::vm::one_run({data, size});
    return 0;
}
