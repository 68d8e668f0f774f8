// A hart's interrupt file: its page, which anybody stores to, and the registers that only the hart reaches.
#pragma once

#include <bit>

#include "guests/lib/device_tree.hpp"
#include "guests/lib/guest.hpp"
#include "isa/imsic.hpp"

namespace antler::guests {

using csr_siselect = Csr<isa::csr_number::siselect>;
using csr_sireg = Csr<isa::csr_number::sireg>;
using csr_stopei = Csr<isa::csr_number::stopei>;
using csr_stopi = Csr<isa::csr_number::stopi>;

[[nodiscard]] inline u64 first_page() {
    auto const tree = device_tree();
    auto const node = tree.find_if([](abi::FdtNode const& n) { return n.compatible("riscv,imsics"); });
    auto const reg = node ? node->property("reg") : std::nullopt;
    if (!reg) give_up("the device tree has no IMSIC");
    return u64{reg->cell(0).value_or(0)} << 32 | reg->cell(1).value_or(0);
}
// From one hart's page to the next one's: files of its guests may lie between them.
[[nodiscard]] inline u64 bytes_of_a_hart() {
    constexpr u64 page_bytes = 0x1000;
    auto const tree = device_tree();
    auto const node = tree.find_if([](abi::FdtNode const& n) { return n.compatible("riscv,imsics"); });
    return page_bytes << (node ? node->number("riscv,guest-index-bits").value_or(0) : 0);
}
[[nodiscard]] inline u64 number_of_identities() {
    auto const tree = device_tree();
    auto const node = tree.find_if([](abi::FdtNode const& n) { return n.compatible("riscv,imsics"); });
    return node ? node->number("riscv,num-ids").value_or(0) : 0;
}

class File {
public:
    explicit File(u64 hart) : page_{start() + hart * stride()} {}
    [[nodiscard]] u64 page() const { return page_; }
    void send(u32 identity) const { store<u32>(page_, identity); }

    // The rest is this hart's own.
    [[nodiscard]] static u64 read(u64 select) {
        csr_siselect::write(select);
        return csr_sireg::read();
    }
    static void write(u64 select, u64 value) {
        csr_siselect::write(select);
        csr_sireg::write(value);
    }
    static void set(u64 select, u64 bits) {
        csr_siselect::write(select);
        csr_sireg::set(bits);
    }
    static void clear(u64 select, u64 bits) {
        csr_siselect::write(select);
        csr_sireg::clear(bits);
    }
    // Nothing pending, everything enabled.
    void open(u32 last) const {
        using namespace isa::interrupt_file;
        write(eidelivery, 0);
        write(eithreshold, 0);
        for (u32 identity = 0; identity <= last; identity += 64) {
            write(of<isa::Xlen::rv64>(eip0, identity), 0);
            write(of<isa::Xlen::rv64>(eie0, identity), ~u64{0});
        }
        write(eidelivery, 1);
    }
    [[nodiscard]] static u32 count_identities() {
        using namespace isa::interrupt_file;
        u32 count = 0;
        for (u32 identity = 0; identity <= isa::most_identities; identity += 64) {
            auto const select = of<isa::Xlen::rv64>(eie0, identity);
            write(select, ~u64{0});
            count += static_cast<u32>(std::popcount(read(select)));
            write(select, 0);
        }
        return count;
    }
    [[nodiscard]] static u32 pending_count(u32 last) {
        u32 count = 0;
        for (u32 identity = 0; identity <= last; identity += 64)
            count += static_cast<u32>(std::popcount(
                read(isa::interrupt_file::of<isa::Xlen::rv64>(isa::interrupt_file::eip0, identity))));
        return count;
    }
    [[nodiscard]] static bool is_pending(u32 identity) {
        using namespace isa::interrupt_file;
        return (read(of<isa::Xlen::rv64>(eip0, identity)) >> identity % 64 & 1) != 0;
    }

private:
    [[nodiscard]] static u64 start() {
        static std::atomic<u64> known = 0;
        if (known == 0) known = first_page();
        return known;
    }
    [[nodiscard]] static u64 stride() {
        static std::atomic<u64> known = 0;
        if (known == 0) known = bytes_of_a_hart();
        return known;
    }
    u64 page_;
};

}  // namespace antler::guests
