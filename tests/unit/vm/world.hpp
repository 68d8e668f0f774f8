// Harts of a fake board and the virtual machines on them, for the tests of vm/.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <memory>
#include <utility>
#include <vector>

#include "hart/csr.hpp"
#include "memory/house.hpp"
#include "memory/space.hpp"
#include "memory/tags.hpp"
#include "tests/fake/hart.hpp"
#include "tests/fake/memory.hpp"
#include "tests/fake/outside.hpp"
#include "vm/exits.hpp"
#include "vm/guest_file.hpp"
#include "vm/vm.hpp"

namespace antler::vm {

inline constexpr u64 vs_software = u64{1} << 2;  // as bits of hvip
inline constexpr u64 vs_timer = u64{1} << 6;
inline constexpr u64 vs_external = u64{1} << 10;
inline constexpr u64 host_software_pending = u64{1} << 1;  // as bits of sip
inline constexpr u64 host_timer_pending = u64{1} << 5;
inline constexpr u64 host_external_pending = u64{1} << 9;

struct VmOptions {
    u32 vcpus = 2;
    u32 first_hart = 0;  // of vCPU 0; the next ones are on the next harts, around
    isa::Features shown{.sv39 = true, .sstc = true, .asid_bits = 16};
    Policies policies{};
    bool filled = true;   // RAM ahead
    bool parted = false;  // devices have it in any case, in a tree of their own
    u64 memory_bytes = u64{2} << 20;
    Interrupts interrupts = Interrupts::plic;
};

// Services that count.
struct FakeServices {
    u32 calls = 0;
    Next answer = Next::advance;
    Next sbi_call(Vcpu&) {
        ++calls;
        return answer;
    }
};

class World {
public:
    struct Idle {};  // thrown where a hart would wait
    static constexpr u64 files_start = 0x2800'0000;
    static constexpr u64 files_stride = 0x4'0000;

    static constexpr u64 code = 0x8000'0000;
    static constexpr u64 tree_at = code + (u64{1} << 20);

    explicit World(u32 harts = 2, u8 vmid_bits = 8) : tags_{vmid_bits}, cores_(harts), files_(harts) {
        fake::reset_hart();
        fake::reset_outside();
        VERIFY(house_.create(board_.frames, isa::Features::all()).ok());
        for (u32 i = 0; i < harts; ++i) {
            cores_[i].index = i;
            cores_[i].has = {.henvcfg = true, .sstc = true, .stateen = true};
            cores_[i].hands_over = true;
            VERIFY(cores_[i].view.create(house_, i).ok());
            files_[i].current = &cores_[i];
            files_[i].on_wait = [] { throw Idle{}; };
        }
        std::swap(fake::hart(), files_[0]);
        board_.memory.satp = cores_[0].view.satp();
    }
    ~World() {
        for (auto& core : cores_) core.view.leave([] {});
        for (auto& space : spaces_)
            while (!space->destroy_step()) {
            }
        fake::reset_hart();
    }
    World(World const&) = delete;
    World& operator=(World const&) = delete;

    Vm& add(VmOptions const& options = {}) {
        auto const owner = next_owner();
        auto& space = *spaces_.emplace_back(std::make_unique<memory::Space>(board_.frames, tags_, owner));
        VERIFY(space
                   .create(isa::GStageMode::sv39x4, isa::Features::all(),
                           options.parted ? memory::DeviceTree::own : memory::DeviceTree::shared)
                   .ok());
        auto& ram = *rams_.emplace_back(std::make_unique<Ram>(space, GpaRange{ram_base, options.memory_bytes},
                                                              memory::Colours{}, !options.filled));
        if (options.filled || options.parted) VERIFY(ram.fill().ok());
        auto& vm = *vms_.emplace_back(
            std::make_unique<Vm>(Parts{.description = {.name = "test",
                                                       .vcpus = options.vcpus,
                                                       .memory_bytes = options.memory_bytes,
                                                       .on_demand = !options.filled,
                                                       .entry = Gpa{code},
                                                       .device_tree = Gpa{tree_at},
                                                       .policies = options.policies},
                                       .shown = options.shown,
                                       .interrupts = options.interrupts,
                                       .host_isa = {},
                                       .ids = {},
                                       .timebase = {10'000'000},
                                       .ram = ram}));
        for (u32 id = 0; id < options.vcpus; ++id) {
            auto& vcpu = *vcpus_.emplace_back(std::make_unique<Vcpu>(vm, id));
            core((options.first_hart + id) % harts()).adopt(vcpu);
            vm.attach(vcpu);
            if (vm.has_files())
                vcpu.give_file(*vcpu_files_.emplace_back(std::make_unique<GuestFile>(vcpu, vm.identities())));
        }
        return vm;
    }

    // What is over, and what no hart knows any more, is taken apart.
    void remove(Vm& vm) {
        auto& space = vm.ram().space();
        while (!vm.ram().give_back_step()) {
        }
        std::erase_if(vcpus_, [&](auto const& vcpu) { return &vcpu->vm == &vm; });
        std::erase_if(vms_, [&](auto const& one) { return one.get() == &vm; });
        std::erase_if(rams_, [&](auto const& ram) { return &ram->space() == &space; });
        std::erase_if(spaces_, [&](auto const& one) { return one.get() == &space; });
    }

    // Every hart has so many guest interrupt files, and stores to their pages arrive.
    void give_files(u32 count, u32 identities = usual_identities) {
        for (u32 i = 0; i < harts(); ++i) {
            cores_[i].files.count = count;
            cores_[i].files.own = Hpa{files_start + i * files_stride};
            file(i).guest_files.assign(count, isa::InterruptFile{identities});
        }
        fake::message_sink() = [this](Hpa page, u32 identity) {
            auto const place = page.raw() - files_start;
            auto& there = file(static_cast<u32>(place / files_stride));
            there.guest_files.at(place % files_stride / page_bytes - 1).set_pending(identity);
            fake::update_hgeip(there);
        };
    }
    // The file of the hart that the vCPU lives in, if it does.
    [[nodiscard]] isa::InterruptFile* hart_file(Vcpu const& vcpu) {
        auto const guest = vcpu.file->guest();
        return guest == 0 ? nullptr : &file(vcpu.home->index).guest_files.at(guest - 1);
    }

    [[nodiscard]] u32 harts() const { return static_cast<u32>(cores_.size()); }
    [[nodiscard]] Core& core(u32 index = 0) { return cores_[index]; }
    [[nodiscard]] fake::Board& board() { return board_; }
    [[nodiscard]] memory::House& house() { return house_; }
    [[nodiscard]] fake::Hart& file(u32 index) { return index == here_ ? fake::hart() : files_[index]; }
    [[nodiscard]] u32 here() const { return here_; }

    // From now on this thread is hart `index`.
    void become(u32 index) {
        if (index == here_) return;
        auto const now = fake::hart().now;
        std::swap(fake::hart(), files_[here_]);
        std::swap(fake::hart(), files_[index]);
        fake::hart().now = now;
        here_ = index;
        board_.memory.satp = cores_[index].view.satp();
    }
    template <class Body>
    decltype(auto) on(u32 index, Body body) {
        auto const before = here_;
        become(index);
        struct Back {
            World& world;
            u32 index;
            ~Back() { world.become(index); }
        } const back{*this, before};
        return body(cores_[index]);
    }

    // Who runs next on the hart; nobody: it would wait.
    Vcpu* run(u32 index = 0) {
        return on(index, [](Core& core) -> Vcpu* {
            try {
                return &core.settle();
            } catch (Idle) {
                return nullptr;
            }
        });
    }
    // Every hart looks at what it was sent, until nobody has anything left.
    void run_all() {
        for (int round = 0; round < 4; ++round)
            for (u32 i = 0; i < harts(); ++i) static_cast<void>(run(i));
    }

    // Whoever runs there may have to go.
    static void end_least_turn(Core& core) { core.turn_began = fake::hart().now - Core::least_turn; }

    // Powers on and lets vCPU 0 run on its hart.
    Vcpu& start(Vm& vm) {
        auto& first = *vm.vcpu(0);
        return on(first.home->index, [&](Core& core) -> Vcpu& {
            VERIFY(vm.power_on().ok());
            end_least_turn(core);
            VERIFY(&core.settle() == &first);
            fake::hart().fences.clear();
            return first;
        });
    }
    // Starts another vCPU, and its hart runs it.
    Vcpu& start(Vm& vm, u32 id) {
        auto& vcpu = *vm.vcpu(id);
        VERIFY(vm.start_hart(id, {.pc = code, .opaque = 0}) == abi::sbi::Status::success);
        on(vcpu.home->index, [&](Core& core) {
            core.serve_inbox();
            end_least_turn(core);
        });
        return vcpu;
    }

    // A trap of the running guest, as the hart writes it, and the turn that follows.
    struct Trap {
        isa::Exception cause{};
        u64 stval = 0;
        u64 htval = 0;
        u64 htinst = 0;
    };
    void write(Trap const& trap) {
        hart::csr::scause::write_raw(static_cast<u64>(trap.cause));
        hart::csr::stval::write(trap.stval);
        hart::csr::htval::write(trap.htval);
        hart::csr::htinst::write(trap.htinst);
    }
    Vcpu* take(Vcpu& vcpu, Trap const& trap, isa::DecodeOptions const& options = {}) {
        write(trap);
        try {
            return &turn(vcpu, options, services);
        } catch (Idle) {
            return nullptr;
        }
    }
    // Puts an instruction where the guest's pc is, for a hart that does not tell it.
    void put_code(Vcpu const& vcpu, u32 instruction, u32 bytes = 4) {
        for (u32 i = 0; i < bytes; ++i)
            fake::hart().guest_bytes[vcpu.pc + i] = static_cast<u8>(instruction >> (8 * i));
    }

    FakeServices services{};

private:
    // Whose number comes back does so late, so that what belonged to the dead is told from what is the new
    // one's.
    [[nodiscard]] memory::OwnerId next_owner() {
        constexpr u16 owners = 32;
        do {
            last_owner_ = static_cast<u16>(last_owner_ % owners + 1);
        } while (std::ranges::any_of(
            spaces_, [&](auto const& space) { return space->owner() == memory::OwnerId{last_owner_}; }));
        return {last_owner_};
    }

    fake::Board board_{};
    memory::House house_{};
    memory::Tags tags_;
    std::vector<std::unique_ptr<memory::Space>> spaces_{};
    std::vector<std::unique_ptr<Ram>> rams_{};
    std::vector<Core> cores_;
    std::vector<fake::Hart> files_;
    std::vector<std::unique_ptr<Vm>> vms_{};
    std::vector<std::unique_ptr<GuestFile>> vcpu_files_{};
    std::vector<std::unique_ptr<Vcpu>> vcpus_{};
    u16 last_owner_ = 0;
    u32 here_ = 0;
};

}  // namespace antler::vm
