// Which devices of a board may be lent, and why others may not.
#include "platform/board_device.hpp"

#include <gtest/gtest.h>

#include <memory>
#include <string>

#include "tests/unit/platform/boards.hpp"

namespace antler::platform {
namespace {

class Lendable : public testing::Test {
protected:
    void SetUp() override {
        auto const opened = abi::FdtReader::open(bytes);
        ASSERT_TRUE(opened);
        tree = opened.value();
        ASSERT_TRUE(read_board(tree, *board));
    }
    FoundDevice find(std::string_view path) { return find_device(tree, *board, path); }
    std::string why(std::string_view path) {
        auto const found = find(path);
        EXPECT_FALSE(found.device);
        return std::string{found.why_not} + (found.neighbour.empty() ? "" : " ") +
               std::string{found.neighbour};
    }

    std::vector<u8> bytes = compiled("lendable");
    abi::FdtReader tree;
    std::unique_ptr<Board> board = std::make_unique<Board>();
};

TEST_F(Lendable, IsASerialPortWithAPageOfItsOwn) {
    auto const found = find("/soc/serial@2000");
    ASSERT_TRUE(found.device);
    auto const& device = *found.device;
    ASSERT_EQ(device.registers.size(), 1u);
    EXPECT_EQ(device.registers[0], (HpaRange{Hpa{0x1000'2000}, 0x100}));
    EXPECT_EQ(device.pages(0), (HpaRange{Hpa{0x1000'2000}, 0x1000}));
    ASSERT_EQ(device.wires.size(), 1u);
    EXPECT_EQ(device.wires[0].source, 12u);
    EXPECT_EQ(device.clock, 7'372'800u);
    EXPECT_EQ(find("serial1").device->registers[0], device.registers[0]);
}

TEST_F(Lendable, IsOneWithSeveralRegistersAndWires) {
    auto const found = find("/soc/gpio@3000");
    ASSERT_TRUE(found.device);
    EXPECT_EQ(found.device->registers[1], (HpaRange{Hpa{0x1000'8000}, 0x2000}));
    ASSERT_EQ(found.device->wires.size(), 2u);
    EXPECT_EQ(found.device->wires[1].source, 21u);
}

TEST_F(Lendable, IsNothingThatMayReachMemory) {
    EXPECT_EQ(why("/soc/disk@7000"),
              "nobody knows that it reaches no memory by itself, and no IOMMU is in its way");
    EXPECT_EQ(why("/soc/coherent@a000"), "it reaches all memory by itself, and no IOMMU is in its way");
}

TEST_F(Lendable, IsNothingThatSharesItsPageOrItsWire) {
    EXPECT_EQ(why("/soc/pwm@4000"), "a page of its registers is also another device's: timer@4800");
    EXPECT_EQ(why("/soc/rtc@5000"), "its wire is also another device's: other@6000");
}

TEST_F(Lendable, IsNothingThatIsNotThereForUs) {
    EXPECT_EQ(why("/soc/off@b000"), "the board's tree says that it is not there for us");
    EXPECT_EQ(why("/soc/local@c000"), "its interrupts go where the hypervisor does not hear them");
    EXPECT_EQ(why("/soc/nothing"), "it has no registers");
    EXPECT_EQ(why("/soc/wide@d000"), "its registers cannot be shown to a guest");
    EXPECT_EQ(why("/soc/moving@70000000"), "its registers cannot be shown to a guest")
        << "its bus does not lead there";
    for (auto const* const path : {"/soc/serial@9999", "", "nobody", "/soc/serial@2000/port/x"})
        EXPECT_EQ(why(path), "the board's tree has no such device");
}

}  // namespace
}  // namespace antler::platform
