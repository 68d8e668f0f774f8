// Devices of the board that VMs own.
#pragma once

#include <array>
#include <optional>

#include "boot/lent_devices.hpp"
#include "boot/lent_function.hpp"
#include "control/pack_reader.hpp"
#include "memory/store.hpp"
#include "platform/iommus.hpp"
#include "platform/pci.hpp"
#include "vm/pci_passthrough.hpp"
#include "vm/vm.hpp"

namespace antler::boot {

struct Life;
struct System;

// Functions that cannot be reset belong to the VM that had them first: they may still do what it told them.
struct Attachments {
    static constexpr usize most = 32;
    struct One {
        u16 requester = 0;
        std::array<char, 32> vm{};
        u8 size = 0;
    };
    std::array<One, most> all{};
    usize count = 0;
    // Whose it is; empty: nobody's.
    [[nodiscard]] std::string_view owner(u16 requester) const;
    [[nodiscard]] bool add(u16 requester, std::string_view vm);
};

// What one VM has of the board.
class Loans {
public:
    Loans(System& all, vm::Vm& machine) : all_{all}, machine_{machine} {}

    // Refused with a sentence at the console.
    [[nodiscard]] Result<void> add(std::string_view host, memory::Store& store);
    [[nodiscard]] bool has(platform::BoardDevice const& device) const;
    // The VM runs no more: nothing of it reaches memory or interrupts afterwards.
    void give_back();

private:
    [[nodiscard]] Result<void> add_function(std::string_view host, memory::Store& store);
    [[nodiscard]] Result<void> add_device(std::string_view host, memory::Store& store);
    [[nodiscard]] Result<void> refuse(std::string_view host, std::string_view why, Error error,
                                      std::string_view neighbour = {}) const;
    [[nodiscard]] Result<void> bind(std::string_view host, u16 requester);
    [[nodiscard]] Result<void> map(std::string_view name, vm::PciPassthrough& shown, vm::PciHost& host);
    [[nodiscard]] Result<u32> lend_pin(std::string_view host, platform::PciFunction const& function,
                                       memory::Store& store);

    System& all_;
    vm::Vm& machine_;
    std::array<LentFunction*, vm::max_devices> functions_{};
    u32 count_ = 0;
    std::array<LentBoardDevice*, vm::max_devices> devices_{};
    u32 device_count_ = 0;
    // What pins of its functions raise; several may raise one.
    struct Pin {
        platform::BoardWire wire{};
        LentWire* line = nullptr;
        u32 source = 0;
    };
    std::array<Pin, vm::max_devices> pins_{};
    u32 pin_count_ = 0;
    bool has_messages_ = false;
};

// What VMs of this pack are to have: the house keeps its hands off.
struct Wanted {
    static constexpr usize most = 64;
    std::array<u16, most> requesters{};
    usize count = 0;
    std::array<Hpa, most> registers{};
    usize device_count = 0;
    [[nodiscard]] bool has(u16 requester) const {
        for (usize i = 0; i < count; ++i)
            if (requesters[i] == requester) return true;
        return false;
    }
    [[nodiscard]] bool has(Hpa start) const {
        for (usize i = 0; i < device_count; ++i)
            if (registers[i] == start) return true;
        return false;
    }
};
[[nodiscard]] Wanted wanted_devices(System& all, control::Pack const& pack);

// Those of its description; its vCPUs are there.
[[nodiscard]] Result<void> add_devices(System& all, Life& life);
// Before its memory goes.
void leave_devices(Life& life);

}  // namespace antler::boot
