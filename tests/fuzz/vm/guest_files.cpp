// Guests with AIA that do anything to their files and to whoever sends messages, while their vCPUs move, stop
// and start: every file has one owner, who knows it, and nobody is told of an interrupt that is not there.
#include <array>

#include "tests/fuzz/input.hpp"
#include "tests/unit/vm/world.hpp"
#include "vm/team.hpp"

namespace antler::vm {
namespace {

constexpr u32 harts = 3;
constexpr u32 vcpus = 3;

void must(bool holds) {
    if (!holds) __builtin_trap();
}

// A CSR instruction of the guest: those of its AIA, and those that are not its own.
u32 instruction(fuzz::Input& bytes) {
    constexpr std::array<u32, 12> numbers{0x150, 0x151, 0x151, 0x151, 0x15c, 0x15c,
                                          0xdb0, 0x250, 0x251, 0x25c, 0xeb0, 0x609};
    constexpr u32 system = 0x73;
    auto const number = numbers[bytes.take<u8>() % numbers.size()];
    auto const how = bytes.take<u8>();
    u32 const function = 1 + how % 3 + (how & 4);
    u32 const source = bytes.take<u8>() % 32;
    u32 const target = bytes.take<u8>() % 32;
    return number << 20 | source << 15 | function << 12 | target << 7 | system;
}

u64 select(fuzz::Input& bytes) {
    constexpr std::array<u64, 8> likely{0x30, 0x3e, 0x70, 0x72, 0x80, 0xc0, 0xc2, 0xff};
    auto const choice = bytes.take<u8>();
    return choice < 32 ? bytes.take<u64>() : choice < 128 ? choice : likely[choice % likely.size()];
}

struct Run {
    World world{harts};
    std::array<Core*, harts> cores{};
    Team team{.cores = cores};
    Vm* vm = nullptr;

    void check() {
        for (u32 i = 0; i < harts; ++i) {
            auto const& files = world.core(i).files;
            for (u32 guest = 1; guest <= files.count; ++guest) {
                auto const* const owner = files.owners[guest];
                if (owner == nullptr) continue;
                must(owner->file->guest() == guest && owner->home == &world.core(i));
            }
        }
        for (u32 id = 0; id < vcpus; ++id) {
            auto& vcpu = *vm->vcpu(id);
            auto const guest = vcpu.file->guest();
            if (guest != 0) must(vcpu.home->files.owners[guest] == &vcpu);
            must(vcpu.file->page().has_value() == (guest != 0));
            must((vcpu.file->soft().read(isa::interrupt_file::eip0).value() & 1) == 0);
            if (vcpu.home->current != &vcpu || vcpu.requests.load() != 0) continue;
            must(isa::Hstatus::vgein::get(vcpu.hstatus) == guest);
            auto const hvip = world.on(vcpu.home->index, [](Core&) { return hart::csr::hvip::read_raw(); });
            if (guest != 0) must((hvip & vs_external) == 0);
            if (guest == 0) must(((hvip & vs_external) != 0) == vcpu.file->signals());
        }
    }

    void step(fuzz::Input& bytes) {
        auto& vcpu = *vm->vcpu(bytes.take<u8>() % vcpus);
        auto& core = *vcpu.home;
        auto const word = device::Width::word;
        switch (bytes.take<u8>() % 10) {
            case 0: vm->deliver_message(Gpa{bytes.take<u64>()}, bytes.take<u32>()); break;
            case 1: vcpu.file->send(bytes.take<u16>() % 300); break;
            case 2: {
                auto const offset = bytes.take<u16>() % (imsic_region(vcpus).size + 16);
                static_cast<void>(vm->machine().write(imsic_start + offset, word, bytes.take<u32>()));
                static_cast<void>(vm->machine().read(imsic_start + offset, word));
                break;
            }
            case 3: {
                auto const at = aplic_region.start + bytes.take<u16>() % aplic_region.size / 4 * 4;
                static_cast<void>(vm->machine().write(at, word, bytes.take<u32>()));
                static_cast<void>(vm->machine().read(at, word));
                break;
            }
            case 4: vm->pin(vcpu, 1 + bytes.take<u8>() % 7); break;
            case 5:
                if (vcpu.id != 0) world.on(core.index, [&](Core&) { vm->stopped(vcpu); });
                break;
            case 6: static_cast<void>(vm->start_hart(vcpu.id, {.pc = World::code, .opaque = 0})); break;
            case 7:
                if (core.current == &vcpu && vcpu.place == Vcpu::Place::running)
                    world.on(core.index, [&](Core& here) { here.block(vcpu); });
                break;
            case 8: fake::hart().now += bytes.take<u16>() * u64{4}; break;
            default:
                if (core.current != &vcpu || vcpu.place != Vcpu::Place::running) break;
                world.on(core.index, [&](Core&) {
                    hart::csr::vsiselect::write_raw(select(bytes));
                    vcpu.x[1 + bytes.take<u8>() % 31] = bytes.take<u64>();
                    static_cast<void>(world.take(
                        vcpu, {.cause = isa::Exception::virtual_instruction, .stval = instruction(bytes)}));
                });
        }
    }
};

void one_run(fuzz::Input bytes) {
    Run run;
    for (u32 i = 0; i < harts; ++i) {
        run.cores[i] = &run.world.core(i);
        run.world.core(i).team = &run.team;
    }
    run.vm = &run.world.add({.vcpus = vcpus, .interrupts = Interrupts::aia});
    run.world.give_files(bytes.take<u8>() % 3);
    run.world.start(*run.vm);
    u32 steps = 0;
    while (!bytes.empty() && ++steps < 300) {
        run.step(bytes);
        if (bytes.take<u8>() % 2 != 0) run.world.run_all();
        run.check();
    }
}

}  // namespace
}  // namespace antler::vm

extern "C" int LLVMFuzzerTestOneInput(antler::u8 const* data, antler::usize size) {
    antler::vm::one_run({data, size});
    return 0;
}
