// A function of a board's PCI, for the tests: a configuration, a BAR with its messages, and what reached it.
#pragma once

#include <array>
#include <map>
#include <vector>

#include "base/panic.hpp"
#include "vm/pci_passthrough.hpp"

namespace antler::fake {

struct BoardFunction final : vm::BoardFunction {
    static constexpr u64 start = 0x5000'0000, bytes = 0x4000;
    static constexpr u32 msix = 0x40, vendor = 0x50, window = 0x60, express = 0x80;
    static constexpr u32 table = 0x2000, pending = 0x3000, vectors = 8;

    BoardFunction() {
        set(0x00, 0x0010'1b36);
        set(0x08, 0x0108'0203);
        set(0x2c, 0x1100'1af4);
        set(0x34, msix);
        set(msix, 0x11 | vendor << 8 | (vectors - 1) << 16);
        set(msix + 4, table);
        set(msix + 8, pending);
        set(vendor, 0x09 | window << 8 | 16u << 16 | 1u << 24);
        set(window, 0x09 | express << 8 | 20u << 16 | 5u << 24);
        set(express, 0x10);
    }

    void set(u32 at, u32 value) { configuration[at / 4] = value; }
    [[nodiscard]] u32 read(u32 offset) override {
        VERIFY(offset % 4 == 0 && offset < 256);
        return configuration[offset / 4];
    }
    void write(u32 offset, u32 value) override {
        VERIFY(offset % 4 == 0 && offset < 256);
        written.push_back(offset);
        configuration[offset / 4] = value;
    }
    [[nodiscard]] u64 load(Hpa at, device::Width width) override {
        check(at, width);
        return registers[at.raw() - start];
    }
    void store(Hpa at, device::Width width, u64 value) override {
        check(at, width);
        registers[at.raw() - start] = value;
    }
    [[nodiscard]] Bar bar(u32 index) override {
        return index == 0 ? Bar{{Hpa{start}, bytes}, true, false} : Bar{};
    }
    void reset() override {
        ++resets;
        registers.clear();
        set(4, 0);
    }

    // Whatever the guest does, nothing but the function is reached.
    static void check(Hpa at, device::Width width) {
        VERIFY(at.raw() >= start && at.raw() - start + static_cast<u64>(width) <= bytes);
        VERIFY(at.raw() % static_cast<u64>(width) == 0);
    }
    [[nodiscard]] u64 entry(u32 vector, u32 word) { return registers[table + vector * 16 + word * 4]; }

    std::array<u32, 64> configuration{};
    std::vector<u32> written{};
    std::map<u64, u64> registers{};  // by the place of an access
    u32 resets = 0;
};

// As boot/ puts it together.
struct LentFunction {
    static constexpr u64 first = 0x7fff'c000;
    explicit LentFunction() {
        shown.look();
        VERIFY(shown.vectors() <= messages.size());
        shown.describe(std::span{messages}.first(shown.vectors()));
        shown.place(0, Gpa{first});
        shown.power_on();
    }
    BoardFunction board{};
    std::array<device::pci::Message, 16> messages{};
    vm::PciPassthrough shown{board};
};

}  // namespace antler::fake
