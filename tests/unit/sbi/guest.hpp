// A guest for the tests of its services: a VM whose vCPUs live on two harts of a fake board.
#pragma once

#include <memory>
#include <string_view>
#include <vector>

#include "base/panic.hpp"
#include "sbi/extension.hpp"
#include "tests/fake/guest_memory.hpp"
#include "tests/fake/hart.hpp"
#include "tests/fake/outside.hpp"
#include "vm/vm.hpp"

namespace antler::sbi {

using abi::sbi::HartState;

struct GuestOptions {
    u32 vcpus = 4;
    bool sstc = true;
};

// vCPU 0 runs on hart 0 and calls; odd vCPUs live on hart 1.  All but vCPU 0 are stopped.
class Guest {
public:
    explicit Guest(GuestOptions options = {})
        : vm_{{
              .description = {.name = "test", .vcpus = options.vcpus, .memory_bytes = memory_bytes},
              .shown = {.sstc = options.sstc},
              .host_isa = {},
              .ids = {.vendor = 0x489, .architecture = 7, .implementation = 9},
              .timebase = {10'000'000},
              .ram = memory_.ram(),
          }} {
        fake::reset_hart();
        fake::reset_outside();
        for (u32 index = 0; index < 2; ++index) {
            cores_[index].index = index;
            memory_.add(cores_[index]);
            cores_[index].has = {.henvcfg = true, .sstc = options.sstc, .stateen = true};
        }
        become(0);
        VERIFY(memory_.ram().fill().ok());
        for (u32 id = 0; id < options.vcpus; ++id) {
            vcpus_.push_back(std::make_unique<vm::Vcpu>(vm_, id));
            cores_[id % 2].adopt(*vcpus_.back());
            vm_.attach(*vcpus_.back());
        }
        VERIFY(vm_.start_hart(0, {.pc = code, .opaque = 0}) == Status::success);
        VERIFY(&cores_[0].settle() == vcpus_[0].get());
        fake::hart().fences.clear();
    }

    static constexpr u64 memory_bytes = fake::GuestMemory::bytes;
    static constexpr u64 code = 0x8000'0000;

    [[nodiscard]] vm::Vm& machine() { return vm_; }
    [[nodiscard]] vm::Ram& ram() { return memory_.ram(); }
    [[nodiscard]] vm::Vcpu& vcpu(u32 id = 0) { return *vcpus_[id]; }
    [[nodiscard]] vm::Core& core(u32 index) { return cores_[index]; }

    ~Guest() {
        for (auto& core : cores_) memory_.remove(core);
        fake::reset_hart();
    }
    Guest(Guest const&) = delete;
    Guest& operator=(Guest const&) = delete;

    // Runs `body` as hart `index`.
    template <class Body>
    void on_hart(u32 index, Body body) {
        become(index);
        body(cores_[index]);
        become(0);
    }

    // Starts vCPU `id` as another's hart_start would, and lets its hart begin it.
    void start(u32 id) {
        VERIFY(vm_.start_hart(id, {.pc = code, .opaque = 0}) == Status::success);
        on_hart(id % 2, [](vm::Core& core) { core.serve_inbox(); });
    }

    struct Answer {
        Next next{};
        Status status{};
        u64 value = 0;
        friend bool operator==(Answer const&, Answer const&) = default;
    };

    // vCPU 0 calls.  Every register but a0 and a1 must survive.   [sbi binary-encoding]
    template <class Id, class Function>
    Answer call(Id extension, Function function, std::vector<u64> const& arguments = {}) {
        return call_from(vcpu(), static_cast<u64>(extension), static_cast<u64>(function), arguments);
    }
    static Answer call_from(vm::Vcpu& caller, u64 extension, u64 function,
                            std::vector<u64> const& arguments) {
        auto& x = caller.x;
        for (u32 i = 1; i < 32; ++i) x[i] = 0x1000 + i;
        for (usize i = 0; i < arguments.size(); ++i) x[10 + i] = arguments[i];
        x[16] = function;
        x[17] = extension;
        auto const before = x;
        auto const next = Services{}.sbi_call(caller);
        if (next == Next::advance)
            for (u32 i = 0; i < 32; ++i)
                if (i != 10 && i != 11) VERIFY(x[i] == before[i]);
        return {next, static_cast<Status>(x[10]), x[11]};
    }

    static Answer success(u64 value = 0) { return {Next::advance, Status::success, value}; }
    static Answer error(Status status) { return {Next::advance, status, 0}; }

private:
    void become(u32 index) {
        fake::hart().current = &cores_[index];
        memory_.look_from(cores_[index]);
    }

    fake::GuestMemory memory_;
    vm::Core cores_[2];
    vm::Vm vm_;
    std::vector<std::unique_ptr<vm::Vcpu>> vcpus_;
};

}  // namespace antler::sbi
