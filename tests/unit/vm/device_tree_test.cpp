// The guest's device tree: what it says, that dtc has nothing against it, and that a board reader understands
// it.
#include "vm/device_tree.hpp"

#include <gtest/gtest.h>

#include <array>
#include <cstdio>
#include <fstream>
#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

#include "abi/fdt_reader.hpp"
#include "isa/extensions.hpp"
#include "platform/board.cpp"  // what boots on boards boots on this one: Antler itself, nested
#include "platform/board.hpp"
#include "platform/board_pci.cpp"  // a part of it
#include "vm/virtio_slot.hpp"

namespace antler::vm {
namespace {

constexpr char rva23_names[] =
    "i\0m\0a\0f\0d\0c\0b\0v\0h\0zicbom\0zicboz\0zicntr\0zicsr\0zifencei\0zihpm\0zba\0zbb\0zvbb\0ssaia\0sstc\0"
    "svinval\0svpbmt\0xvendor\0";
constexpr std::string_view rva23_list{rva23_names, sizeof rva23_names - 1};

std::span<u8 const> bytes_of(std::string_view text) {
    return {reinterpret_cast<u8 const*>(text.data()), text.size()};
}

class GuestTree : public testing::Test {
protected:
    GuestTree() {
        isa::Features features;
        for (auto const name : abi::FdtStrings{bytes_of(rva23_list)}) isa::note_extension(features, name);
        features.sv39 = features.sv48 = true;
        features.cbom_block = features.cboz_block = 64;
        options.vcpus = 2;
        options.memory = {Gpa{0x8000'0000}, 0x2000'0000};
        options.command_line = "console=ttyS0 quiet";
        options.initrd = {Gpa{0x9000'0000}, 0x12'3456};
        options.rng_seed = seed;
        options.timebase = {10'000'000};
        options.host_extensions = bytes_of(rva23_list);
        options.features = features;
    }

    abi::FdtReader write() {
        buffer.assign(guest_tree_room(options), 0);
        auto const written = write_guest_tree(buffer, options);
        if (!written) throw std::runtime_error{describe(written.error())};
        bytes = written.value();
        return abi::FdtReader::open(bytes).value();
    }

    // What dtc says of the tree when it decompiles it.
    std::string complaints() {
        auto const name = testing::TempDir() + "antler-guest-tree.dtb";
        std::ofstream{name, std::ios::binary}.write(reinterpret_cast<char const*>(bytes.data()),
                                                    static_cast<long>(bytes.size()));
        auto* const pipe = popen(("dtc -I dtb -O dts -o /dev/null " + name + " 2>&1").c_str(), "r");
        std::string said;
        for (int c = 0; pipe != nullptr && (c = std::fgetc(pipe)) != EOF;)
            said.push_back(static_cast<char>(c));
        if (pipe == nullptr || pclose(pipe) != 0) said += "(dtc failed)";
        std::remove(name.c_str());
        return said;
    }

    std::array<u8, 64> seed{1, 2, 3};
    GuestTreeOptions options;
    std::vector<u8> buffer;
    std::span<u8 const> bytes;
};

TEST_F(GuestTree, HasNothingThatDtcWarnsAbout) {
    options.identities = 255;
    for (auto const kind : {Interrupts::aia, Interrupts::aplic, Interrupts::plic})
        for (u32 const vcpus : {1u, 2u, 8u, 12u, 64u}) {
            options.interrupts = kind;
            options.vcpus = vcpus;
            write();
            EXPECT_EQ(complaints(), "") << vcpus;
        }
    options.command_line = {};
    options.initrd = {};
    options.rng_seed = {};
    write();
    EXPECT_EQ(complaints(), "");
}

TEST_F(GuestTree, TellsTheGuestOnlyWhatItMayHave) {
    EXPECT_TRUE(write().find("/cpus/cpu@1")->property("riscv,isa-extensions")->lists("ssaia"));
    options.features.aia = false;
    auto tree = write();
    EXPECT_EQ(tree.find("/cpus/cpu@1")->text("riscv,isa"),
              "rv64imafdcbv_zicbom_zicboz_zicntr_zicsr_zifencei_zba_zbb_zvbb_sstc_svinval_svpbmt");
    EXPECT_EQ(tree.find("/cpus/cpu@1")->text("riscv,isa-base"), "rv64i");
    auto const list = [&] { return *tree.find("/cpus/cpu@1")->property("riscv,isa-extensions"); };
    EXPECT_TRUE(list().lists("v") && list().lists("svpbmt"));
    EXPECT_FALSE(list().lists("h") || list().lists("smaia") || list().lists("xvendor"));
    EXPECT_EQ(tree.find("/cpus/cpu@0")->property("riscv,isa-extensions")->bytes.size(), list().bytes.size());
    EXPECT_EQ(tree.find("/cpus/cpu@0")->text("mmu-type"), "riscv,sv48");
    EXPECT_EQ(tree.find("/cpus/cpu@0")->number("riscv,cboz-block-size"), 64u);
    EXPECT_FALSE(tree.find("/cpus/cpu@0")->has("riscv,cbop-block-size"));

    // A feature that is masked takes its names along; a name that rests on none is hidden by itself.
    isa::hide_extension(options.features, "v");
    isa::hide_extension(options.features, "zicboz");
    options.hidden = {"v\0zicboz\0zbb\0", 13};
    tree = write();
    EXPECT_EQ(tree.find("/cpus/cpu@0")->text("riscv,isa"),
              "rv64imafdcb_zicbom_zicntr_zicsr_zifencei_zba_sstc_svinval_svpbmt");
    EXPECT_FALSE(tree.find("/cpus/cpu@0")->has("riscv,cboz-block-size"));
}

TEST_F(GuestTree, UnderstandsAHostThatHasOnlyAString) {
    options.host_extensions = {};
    options.host_isa = "rv64gch_zba_sstc_svpbmt";
    auto const tree = write();
    EXPECT_EQ(tree.find("/cpus/cpu@0")->text("riscv,isa"),
              "rv64imafdc_zicntr_zicsr_zifencei_zba_sstc_svpbmt");
    EXPECT_TRUE(tree.find("/cpus/cpu@0")->property("riscv,isa-extensions")->lists("zicntr"));
    EXPECT_EQ(complaints(), "");
}

TEST_F(GuestTree, SaysWhereEverythingIs) {
    auto const tree = write();
    auto const chosen = *tree.find("/chosen");
    EXPECT_EQ(chosen.text("bootargs"), "console=ttyS0 quiet");
    EXPECT_EQ(chosen.number("linux,initrd-end"), 0x9012'3456u);
    EXPECT_EQ(chosen.property("rng-seed")->bytes.size(), 64u);
    EXPECT_EQ(chosen.property("rng-seed")->bytes[2], 3);
    EXPECT_EQ(tree.find(*chosen.text("stdout-path")), tree.find("serial0"));
    EXPECT_EQ(tree.find("/memory")->reg(), (abi::FdtRegion{0x8000'0000, 0x2000'0000}));
    EXPECT_EQ(tree.find("serial0")->reg(), (abi::FdtRegion{0x1000'0000, 0x100}));
    EXPECT_EQ(tree.find("serial0")->number("clock-frequency"), 3'686'400u);
    auto const test = *tree.find_compatible("syscon");
    EXPECT_EQ(test.reg(), (abi::FdtRegion{0x10'0000, 0x1000}));
    for (auto const* name : {"/poweroff", "/reboot"})
        EXPECT_EQ(tree.find(name)->number("regmap"), test.phandle());
    auto const rtc = *tree.find_compatible("google,goldfish-rtc");
    EXPECT_EQ(rtc.number("interrupts"), 11u);
    EXPECT_EQ(tree.by_phandle(static_cast<u32>(*rtc.number("interrupt-parent"))),
              tree.find_compatible("sifive,plic-1.0.0"));
}

TEST_F(GuestTree, IsABoardThatAntlerItselfCouldRead) {
    options.vcpus = 64;
    auto const tree = write();
    auto const board = std::make_unique<platform::Board>();
    ASSERT_TRUE(platform::read_board(tree, *board));
    EXPECT_EQ(board->timebase.hertz, 10'000'000u);
    ASSERT_EQ(board->harts.size(), 64u);
    for (u32 n = 0; n < 64; ++n) EXPECT_EQ(board->hart(n)->plic_context, 2 * n + 1);
    EXPECT_EQ(board->plic->sources, 11u);  // the last that something is at: a guest prepares each
    EXPECT_EQ(board->uart->interrupt->source, 10u);
    EXPECT_EQ(board->uart->interrupt->controller, board->plic->phandle);
    EXPECT_TRUE(board->goldfish_rtc);
    EXPECT_EQ(board->memory[0].size, 0x2000'0000u);
    auto const told = board->hart(63)->features();
    EXPECT_TRUE(told.sstc && told.v && told.sv48 && !told.h);
}

TEST_F(GuestTree, KnowsNoWireBehindTheLastThatSomethingIsAt) {
    auto const wires = [&](char const* controller, char const* name) {
        auto const tree = write();
        return tree.find_compatible(controller)->number(name);
    };
    EXPECT_EQ(wires("sifive,plic-1.0.0", "riscv,ndev"), 11u);
    options.slots = 8;  // they are before the others
    EXPECT_EQ(wires("sifive,plic-1.0.0", "riscv,ndev"), 11u);
    options.slots = 10;
    EXPECT_EQ(wires("sifive,plic-1.0.0", "riscv,ndev"), slot_place(9).source);
    options.interrupts = Interrupts::aplic;
    EXPECT_EQ(wires("riscv,aplic", "riscv,num-sources"), slot_place(9).source);
}

TEST_F(GuestTree, WiresDevicesToAnAplicThatSignals) {
    options.vcpus = 64;
    options.interrupts = Interrupts::aplic;
    auto const tree = write();
    EXPECT_FALSE(tree.find_compatible("sifive,plic-1.0.0") || tree.find_compatible("riscv,imsics"));
    auto const serial = *tree.find("serial0")->property("interrupts");
    EXPECT_EQ(serial.cells(), 2u);
    EXPECT_EQ(serial.cell(0), 10u);
    EXPECT_EQ(serial.cell(1), 4u);  // high

    auto const board = std::make_unique<platform::Board>();
    ASSERT_TRUE(platform::read_board(tree, *board));
    ASSERT_EQ(board->aplics.size(), 1u);
    EXPECT_FALSE(board->plic || board->imsic);
    for (u32 n = 0; n < 64; ++n) EXPECT_EQ(board->hart(n)->aplic->index, n);
    EXPECT_EQ(board->uart->interrupt->source, 10u);
}

TEST_F(GuestTree, WiresDevicesToAnAplicThatSendsMessages) {
    options.vcpus = 64;
    options.interrupts = Interrupts::aia;
    options.identities = 255;
    auto const tree = write();
    auto const board = std::make_unique<platform::Board>();
    ASSERT_TRUE(platform::read_board(tree, *board));
    ASSERT_TRUE(board->imsic.has_value());
    EXPECT_EQ(board->imsic->identities, 255u);
    for (u32 n = 0; n < 64; ++n)
        EXPECT_EQ(board->imsic->file(*board->hart(n)->imsic_index), Hpa{0x2800'0000 + n * u64{0x1000}});
    ASSERT_EQ(board->aplics.size(), 1u);
    EXPECT_FALSE(tree.find_compatible("riscv,aplic")->has("interrupts-extended"));
    EXPECT_LE(bytes.size(), guest_tree_room(options));
}

TEST_F(GuestTree, FailsCleanlyWhenItsBufferIsTooSmall) {
    write();
    auto const size = bytes.size();
    EXPECT_LE(size, guest_tree_room(options));
    for (auto const room : {usize{0}, usize{39}, size / 2, size - 1}) {
        std::vector<u8> small(room);
        auto const written = write_guest_tree(small, options);
        EXPECT_FALSE(written) << room;
    }
    std::vector<u8> exact(size);
    EXPECT_TRUE(write_guest_tree(exact, options));
}

TEST_F(GuestTree, IsRefusedForNoVcpusOrMoreThanTheControllerServes) {
    buffer.assign(1 << 20, 0);
    options.vcpus = 0;
    EXPECT_EQ(write_guest_tree(buffer, options).error(), Error::out_of_range);
    options.vcpus = 65;
    EXPECT_EQ(write_guest_tree(buffer, options).error(), Error::out_of_range);
}

}  // namespace
}  // namespace antler::vm
