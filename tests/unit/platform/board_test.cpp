// What the board's device tree tells: trees of QEMU's boards, and one with what silicon does differently.
#include "platform/board.hpp"

#include <gtest/gtest.h>

#include <cstdlib>
#include <memory>
#include <string>
#include <vector>

#include "abi/fdt_writer.hpp"
#include "tests/unit/platform/boards.hpp"

namespace antler::platform {
namespace {

class Boards : public testing::Test {
protected:
    void open(std::string const& name) {
        bytes = compiled(name);
        read();
    }
    void read() {
        auto const tree = abi::FdtReader::open(bytes);
        ASSERT_TRUE(tree);
        result = read_board(tree.value(), *board);
    }

    std::vector<u8> bytes;
    std::unique_ptr<Board> board = std::make_unique<Board>();
    Result<void> result = Err{Error::bad_state};
};

TEST_F(Boards, OfQemuWithAPlic) {
    open("virt-plic");
    ASSERT_TRUE(result);
    EXPECT_EQ(board->model, "riscv-virtio,qemu");
    EXPECT_EQ(board->timebase.hertz, 10'000'000u);
    ASSERT_EQ(board->memory.size(), 1u);
    EXPECT_EQ(board->memory[0], (HpaRange{Hpa{0x8000'0000}, 0x2000'0000}));
    EXPECT_TRUE(board->reserved.empty());

    ASSERT_EQ(board->harts.size(), 4u);
    for (u32 n = 0; n < 4; ++n) {
        auto const* const hart = board->hart(n);
        ASSERT_NE(hart, nullptr);
        EXPECT_TRUE(hart->enabled);
        EXPECT_TRUE(hart->has("h"));
        EXPECT_TRUE(hart->has("sstc"));
        EXPECT_FALSE(hart->has("ssaia"));
        EXPECT_FALSE(hart->has("s"));
        EXPECT_EQ(hart->mmu_type, "riscv,sv39");
        EXPECT_EQ(hart->cboz_block, 64u);
        EXPECT_EQ(hart->plic_context, 2 * n + 1);  // the even ones are the machine's
        auto const features = hart->features();
        EXPECT_TRUE(features.h && features.sstc && features.svpbmt && features.v && features.sv39);
        EXPECT_FALSE(features.aia || features.sv48);
        EXPECT_EQ(features.cbom_block, 64u);
    }
    EXPECT_EQ(board->hart(4), nullptr);

    ASSERT_TRUE(board->plic);
    EXPECT_EQ(board->plic->registers, (HpaRange{Hpa{0xc00'0000}, 0x60'0000}));
    EXPECT_EQ(board->plic->sources, 95u);
    EXPECT_EQ(board->plic->contexts, 8u);
    EXPECT_FALSE(!board->aplics.empty() || board->imsic || !board->iommus.empty());
    EXPECT_EQ(board->goldfish_rtc, (HpaRange{Hpa{0x10'1000}, 0x1000}));

    ASSERT_TRUE(board->uart);
    EXPECT_EQ(board->uart->registers.start, Hpa{0x1000'0000});
    EXPECT_EQ(board->uart->register_shift, 0u);
    EXPECT_EQ(board->uart->clock, 3'686'400u);
    EXPECT_EQ(board->uart->interrupt->source, 10u);
    EXPECT_EQ(board->uart->interrupt->controller, board->plic->phandle);

    EXPECT_FALSE(board->second_uart);
    ASSERT_EQ(board->virtio_mmio.size(), 8u);
    for (auto const& slot : board->virtio_mmio) {
        ASSERT_TRUE(slot.interrupt);
        EXPECT_EQ(slot.interrupt->controller, board->plic->phandle);
        EXPECT_EQ(slot.registers.start, Hpa{0x1000'0000} + slot.interrupt->source * 0x1000);
    }

    ASSERT_TRUE(board->pci && board->pci->memory && board->pci->ports);
    EXPECT_EQ(board->pci->memory->seen.start, Hpa{0x4000'0000});
    EXPECT_EQ(board->pci->ports->seen, (HpaRange{Hpa{0x300'0000}, 0x1'0000}));
    EXPECT_EQ(board->pci->ports->bus_address, 0u);

    EXPECT_EQ(board->chosen.stdout_path, "/soc/serial@10000000");
    EXPECT_EQ(board->chosen.rng_seed.size(), 32u);
    EXPECT_EQ(board->chosen.initrd.size, 0u);
}

TEST_F(Boards, OfQemuWithAnAplic) {
    open("virt-aplic");
    ASSERT_TRUE(result);
    EXPECT_EQ(board->harts.size(), 2u);
    EXPECT_EQ(board->memory[0].size, 0xc000'0000u);
    EXPECT_FALSE(board->plic || board->imsic);
    ASSERT_EQ(board->aplics.size(), 1u);
    EXPECT_EQ(board->aplics[0].registers, (HpaRange{Hpa{0xd00'0000}, 0x8000}));
    EXPECT_EQ(board->aplics[0].sources, 96u);
    EXPECT_FALSE(board->aplics[0].message_signalled);
    EXPECT_EQ(board->uart->interrupt->controller, board->aplics[0].phandle);
    EXPECT_EQ(board->wire(board->uart->interrupt), BoardWire{10});
    EXPECT_EQ(board->hart(0)->aplic, (BoardHart::AplicPlace{0, 0}));
    EXPECT_EQ(board->hart(1)->aplic, (BoardHart::AplicPlace{0, 1}));
    using isa::aplic::SourceMode;
    auto const driven = [&](u32 flags) {
        return board->wire(BoardInterrupt{board->aplics[0].phandle, 7, flags})->mode;
    };
    EXPECT_EQ(driven(1), SourceMode::edge1);
    EXPECT_EQ(driven(2), SourceMode::edge0);
    EXPECT_EQ(driven(8), SourceMode::level0);
    EXPECT_EQ(board->wire(BoardInterrupt{board->aplics[0].phandle, 97}), std::nullopt);
    EXPECT_EQ(board->wire(BoardInterrupt{board->aplics[0].phandle + 1, 7}), std::nullopt);
    EXPECT_TRUE(board->hart(0)->features().sv57 && board->hart(0)->features().sv39);
}

TEST_F(Boards, OfQemuWithMessageSignalledInterrupts) {
    open("virt-imsic");
    ASSERT_TRUE(result);
    ASSERT_TRUE(board->aplics.size() == 1 && board->imsic);
    EXPECT_TRUE(board->aplics[0].message_signalled);
    EXPECT_EQ(board->aplics[0].registers.start, Hpa{0xd00'0000});
    ASSERT_EQ(board->imsic->groups.size(), 1u);
    EXPECT_EQ(board->imsic->groups[0].start, Hpa{0x2800'0000});
    EXPECT_EQ(board->imsic->identities, 255u);
    EXPECT_EQ(board->imsic->layout.guest_bits, 2u);
    EXPECT_EQ(board->hart(1)->imsic_index, 1u);
    EXPECT_EQ(board->imsic->file(1), Hpa{0x2800'4000});
    EXPECT_EQ(board->imsic->layout.hart_index(Hpa{0x2800'4000}), 1u);
    EXPECT_EQ(board->imsic->file(1000), std::nullopt);
    EXPECT_EQ(board->wire(board->uart->interrupt), BoardWire{10});
    EXPECT_TRUE(board->hart(1)->has("ssaia"));
    ASSERT_EQ(board->iommus.size(), 1u);
    auto const& iommu = board->iommus[0];
    EXPECT_EQ(iommu.registers, (HpaRange{Hpa{0x301'0000}, 0x1000}));
    EXPECT_FALSE(iommu.requester);
    EXPECT_EQ(iommu.interrupt->source, 36u);
    EXPECT_EQ(board->wire(iommu.interrupt)->mode, isa::aplic::SourceMode::edge1);
    EXPECT_EQ(board->pci->iommu_map.find(0x10), (IommuMap::Found{iommu.phandle, 0x10}));
    EXPECT_EQ(board->pci->iommu_map.last_number(iommu.phandle), 0xfffeu);
    EXPECT_EQ(board->memory[0].size, 0x2'0000'0000u);
}

TEST_F(Boards, OfQemuWithTwoSockets) {
    open("virt-numa");
    ASSERT_TRUE(result);
    ASSERT_EQ(board->memory.size(), 2u);
    EXPECT_EQ(board->memory[1].start, Hpa{0xa000'0000});
    ASSERT_TRUE(board->imsic);
    ASSERT_EQ(board->imsic->groups.size(), 2u);
    EXPECT_EQ(board->imsic->groups[1].start, Hpa{0x2900'0000});
    EXPECT_EQ(board->imsic->layout.hart_bits, 1u);
    EXPECT_EQ(board->imsic->layout.group_bits, 1u);
    EXPECT_EQ(board->cache_way, 0u) << "this board does not tell";
    EXPECT_EQ(board->imsic->layout.hart_index(*board->imsic->file(3)), 3u);
    // An APLIC for each socket, and their sources have the same numbers.
    ASSERT_EQ(board->aplics.size(), 2u);
    auto const uart = board->wire(board->uart->interrupt);
    ASSERT_TRUE(uart);
    auto const other = board->wire(BoardInterrupt{board->aplics[1 - uart->controller].phandle, uart->source});
    ASSERT_TRUE(other);
    EXPECT_NE(uart->line(), other->line());
    for (u32 n = 0; n < 4; ++n) EXPECT_EQ(board->hart(n)->imsic_index, n);
}

TEST_F(Boards, OfSilicon) {
    open("silicon");
    ASSERT_TRUE(result);
    EXPECT_EQ(board->model, "A Board Of Silicon");
    EXPECT_EQ(board->timebase.hertz, 24'000'000u);

    ASSERT_EQ(board->harts.size(), 3u);
    EXPECT_FALSE(board->hart(0)->enabled);
    EXPECT_FALSE(board->hart(0)->plic_context);
    auto const big = board->hart(1)->features();
    EXPECT_TRUE(big.h && big.f && big.d && big.sstc && big.svpbmt && big.sv48 && big.sv39);
    EXPECT_FALSE(big.v || big.sv57);
    EXPECT_EQ(big.cboz_block, 128u);
    EXPECT_EQ(board->hart(1)->plic_context, 2u);
    auto const* const little = board->hart(0x101);
    ASSERT_NE(little, nullptr);
    EXPECT_FALSE(little->has("h"));
    EXPECT_TRUE(little->has("v") && little->has("zba") && little->has("zbb"));
    EXPECT_EQ(little->plic_context, 4u);
    EXPECT_EQ(board->plic->sources, 159u);
    EXPECT_EQ(board->cache_way, 128u * 1024) << "of the last cache, though another follows in the tree";

    ASSERT_EQ(board->memory.size(), 2u);  // the disabled bank is not there
    EXPECT_EQ(board->memory[1], (HpaRange{Hpa{0x1'0000'0000}, 0x2'0000'0000}));
    ASSERT_EQ(board->reserved.size(), 3u);
    EXPECT_EQ(board->reserved[0], (HpaRange{Hpa{0x8000'0000}, 0x8'0000}));
    EXPECT_EQ(board->reserved[2], (HpaRange{Hpa{0xbf00'0000}, 0x80'0000}));

    ASSERT_TRUE(board->uart);
    EXPECT_EQ(board->uart->registers.start, Hpa{0xd401'7200});
    EXPECT_EQ(board->uart->register_shift, 2u);
    EXPECT_EQ(board->uart->register_width, 4u);
    EXPECT_EQ(board->uart->clock, 14'857'000u);
    EXPECT_EQ(board->uart->speed, 1'500'000u);
    EXPECT_EQ(board->uart->interrupt->source, 44u);
    EXPECT_EQ(board->uart->interrupt->controller, board->plic->phandle);  // said at the root

    EXPECT_EQ(board->chosen.bootargs, "ignore=htinst");
    EXPECT_EQ(board->chosen.initrd, (HpaRange{Hpa{0x9000'0000}, 0x30'0000}));
    ASSERT_EQ(board->chosen.rng_seed.size(), 16u);
    EXPECT_GE(board->chosen.rng_seed.data(), bytes.data());
    EXPECT_EQ(board->chosen.rng_seed[15], 15u);
}

// A board with `harts` harts and `reservations` reserved pages, and a PLIC over all of them.
std::vector<u8> large_board(u32 harts, u32 reservations) {
    std::vector<u8> bytes(1 << 20);
    abi::FdtWriter w{bytes};
    for (u32 n = 0; n < reservations; ++n) w.reserve(0x9000'0000 + u64{n} * 0x1000, 0x1000);
    w.begin_node("");
    w.cell("#address-cells", 2);
    w.cell("#size-cells", 2);
    w.begin_node("cpus");
    w.cell("#address-cells", 1);
    w.cell("#size-cells", 0);
    w.cell("timebase-frequency", 1'000'000);
    for (u32 n = 0; n < harts; ++n) {
        w.begin_node("cpu", n);
        w.text("device_type", "cpu");
        w.cell("reg", n);
        w.text("riscv,isa", "rv64imafdch");
        w.begin_node("interrupt-controller");
        w.text("compatible", "riscv,cpu-intc");
        w.cell("phandle", 1 + n);
        w.end_node();
        w.end_node();
    }
    w.end_node();
    w.begin_node("memory", 0x8000'0000);
    w.text("device_type", "memory");
    w.wides("reg", {0x8000'0000, 0x4000'0000});
    w.end_node();
    w.begin_node("plic", 0xc00'0000);
    w.text("compatible", "riscv,plic0");
    w.wides("reg", {0xc00'0000, 0x400'0000});
    auto const wires = w.space("interrupts-extended", harts * 8);
    for (u32 n = 0; n < harts; ++n) {
        abi::store_be32(wires.data() + n * 8, 1 + n);
        abi::store_be32(wires.data() + n * 8 + 4, 9);
    }
    w.end_node();
    w.end_node();
    bytes.resize(w.finish().value().size());
    return bytes;
}

TEST_F(Boards, WithManyHarts) {
    bytes = large_board(Board::max_harts, Board::max_reserved);
    read();
    ASSERT_TRUE(result);
    EXPECT_EQ(board->harts.size(), Board::max_harts);
    EXPECT_EQ(board->harts.refused(), 0u);
    EXPECT_EQ(board->hart(100)->plic_context, 100u);
    EXPECT_EQ(board->reserved.size(), Board::max_reserved);
}

TEST_F(Boards, WithMoreHartsThanFitLoseTheLastAndSaySo) {
    bytes = large_board(Board::max_harts + 5, 0);
    read();
    ASSERT_TRUE(result);
    EXPECT_EQ(board->harts.size(), Board::max_harts);
    EXPECT_EQ(board->harts.refused(), 5u);
}

TEST_F(Boards, WithMoreReservationsThanFitAreRefused) {
    bytes = large_board(1, Board::max_reserved + 1);
    read();
    ASSERT_FALSE(result);
    EXPECT_EQ(result.error(), Error::full);
}

TEST_F(Boards, WithoutHartsOrMemoryAreNone) {
    bytes.assign(256, 0);
    abi::FdtWriter w{bytes};
    w.begin_node("");
    w.end_node();
    ASSERT_TRUE(w.finish());
    read();
    ASSERT_FALSE(result);
    EXPECT_EQ(result.error(), Error::not_found);
}

}  // namespace
}  // namespace antler::platform
