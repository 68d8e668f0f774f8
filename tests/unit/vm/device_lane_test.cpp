// The ways to a device's register: with the lane and without it a guest sees the same, whatever it does.
#include "vm/device_lane.hpp"

#include <gtest/gtest.h>

#include <random>

#include "tests/unit/vm/world.hpp"

namespace antler::vm {
namespace {

namespace csr = hart::csr;

constexpr u64 uart = 0x1000'0000;
constexpr u64 plic = 0xc00'0000;
constexpr u32 lw_a0 = 0x2503, lb_a0 = 0x0503, lbu_a0 = 0x4503;  // as htinst tells them

// What there is to see after a turn.
struct Sight {
    std::array<u64, 32> x{};
    u64 pc = 0;
    u64 hvip = 0;
    u64 accesses = 0;
    u32 room = 0;
    bool reflected = false;
    friend bool operator==(Sight const&, Sight const&) = default;
};

World::Trap likely_access(std::mt19937_64& random) {
    constexpr u32 registers[] = {0, 1, 2, 5, 8, 10, 10, 10, 15, 16, 28, 31};
    constexpr u64 of_plic[] = {0,         4,         0x28,      0x2c,      0x1000,    0x1004,
                               0x2000,    0x2080,    0x2084,    0x208c,    0x20'0000, 0x20'1000,
                               0x20'1004, 0x20'1004, 0x20'1008, 0x20'3000, 0x5f'fffc, 0x60'0000};
    bool const store = random() % 3 == 0;
    bool const serial = random() % 2 == 0;
    auto at = serial ? uart + (random() % 3 == 0 ? 5 : random() % 9)
                     : plic + of_plic[random() % std::size(of_plic)];
    if (random() % 32 == 0) at += random() % 4;
    auto const usual = serial ? random() % 2 * 4 : u64{2};
    auto const funct3 =
        static_cast<u32>(random() % 8 == 0 ? random() % (store ? 4 : 8) : usual) & (store ? 3 : 7);
    auto const reg = registers[random() % std::size(registers)];
    auto const raw = store ? 0x23 | reg << 20 : 0x03 | reg << 7;
    return {.cause = store ? isa::Exception::store_guest_page_fault : isa::Exception::load_guest_page_fault,
            .stval = at,
            .htval = at >> 2,
            .htinst = raw | funct3 << 12};
}

std::vector<Sight> life(u64 seed, bool lane) {
    std::mt19937_64 random{seed};
    World world{1};
    auto& vcpu = world.start(world.add({.vcpus = 1}));
    world.core().trusts_traps = lane;
    auto& machine = vcpu.vm.machine();
    csr::vstvec::write(World::code + 0x100);
    std::vector<Sight> seen;
    for (int turn = 0; turn < 400; ++turn) {
        vcpu.pc = World::code + 0x40;
        for (u32 i = 1; i < 32; ++i) vcpu.x[i] = random() % 4 == 0 ? random() : random() % 12;
        switch (random() % 24) {
            case 0: machine.console_type("ab"); break;
            case 1: static_cast<void>(machine.send_system_request('h')); break;
            default: break;
        }
        auto const trap = likely_access(random);
        // A guest that polls listens after a while.
        auto const times = trap.stval == uart + 5 && random() % 16 == 0 ? 70 : 1;
        for (int i = 0; i < times; ++i) EXPECT_EQ(world.take(vcpu, trap), &vcpu);
        seen.push_back({vcpu.x, vcpu.pc, csr::hvip::read_raw(),
                        vcpu.exits[static_cast<usize>(ExitKind::mmio)], machine.console_room(),
                        vcpu.pc == World::code + 0x100});
    }
    return seen;
}

TEST(DeviceLane, ShowsWhatTheLongWayShows) {
    for (u64 seed = 0; seed < 100; ++seed) {
        auto const quick = life(seed, true);
        auto const slow = life(seed, false);
        ASSERT_EQ(quick.size(), slow.size());
        for (usize i = 0; i < slow.size(); ++i) ASSERT_TRUE(quick[i] == slow[i]) << seed << " " << i;
    }
}

struct Lane : testing::Test {
    Lane() : vcpu_{world_.start(world_.add({.vcpus = 1}))} { world_.core().trusts_traps = true; }
    u64 answer(u64 at, u64 htinst) {
        world_.write({.cause = isa::Exception::load_guest_page_fault,
                      .stval = at,
                      .htval = at >> 2,
                      .htinst = htinst});
        return device_lane(vcpu_);
    }
    Machine& machine() { return vcpu_.vm.machine(); }
    World world_{1};
    Vcpu& vcpu_;
};

TEST_F(Lane, AnswersPlainLoadsOfTheLineStatusAndOfThePlic) {
    EXPECT_EQ(answer(uart + 5, lb_a0), 4U);
    EXPECT_EQ(vcpu_.x[10], 0x60U);
    EXPECT_EQ(answer(uart + 5, lbu_a0), 4U);
    EXPECT_EQ(answer(plic + 0x20'1000, lw_a0), 4U);
    EXPECT_EQ(vcpu_.x[10], 0U);
    EXPECT_EQ(answer(plic + 0x20'1004, lw_a0 & ~2U), 2U);  // nothing is there to claim
    EXPECT_EQ(vcpu_.exits[static_cast<usize>(ExitKind::mmio)], 4U);
}

TEST_F(Lane, LeavesToOthersWhatIsNotPlain) {
    RecordProperty("rules", "norm:H_trap_xtinst");
    vcpu_.x[10] = 7;
    for (u64 const told : {u64{0}, u64{0x2000}, u64{0x3000}, u64{lw_a0 | 1 << 15}, u64{lw_a0} << 32, ~u64{0}})
        EXPECT_EQ(answer(plic + 0x20'1000, told), 0U) << std::hex << told;
    EXPECT_EQ(answer(plic + 0x20'1002, lw_a0), 0U);
    EXPECT_EQ(answer(plic + 0x20'1000, lb_a0), 0U);
    EXPECT_EQ(answer(uart + 4, lb_a0), 0U);
    EXPECT_EQ(answer(uart + 5, lw_a0), 0U);
    EXPECT_EQ(answer(0, lw_a0), 0U);
    for (u32 const reg : {0U, 2U, 3U, 4U, 8U, 16U, 29U})  // not in the lane's hands
        EXPECT_EQ(answer(uart + 5, reg << 7 | 0x4003), 0U) << reg;
    EXPECT_EQ(vcpu_.x[10], 7U);
    world_.core().trusts_traps = false;
    EXPECT_EQ(answer(uart + 5, lb_a0), 0U);
    EXPECT_EQ(vcpu_.exits[static_cast<usize>(ExitKind::mmio)], 0U);
}

TEST_F(Lane, LeavesToOthersWhatHasConsequences) {
    static_cast<void>(machine().write(Gpa{plic + 4 * uart_source}, device::Width::word, 1));
    static_cast<void>(machine().write(Gpa{plic + 0x2080}, device::Width::word, 1 << uart_source));
    static_cast<void>(machine().write(Gpa{uart + 1}, device::Width::byte, 2));
    EXPECT_EQ(answer(plic + 0x20'1004, lw_a0), 0U);
    EXPECT_EQ(answer(plic + 0x1000, lw_a0), 4U);
    EXPECT_EQ(vcpu_.x[10], u64{1} << uart_source);
    EXPECT_EQ(machine().read(Gpa{plic + 0x20'1004}, device::Width::word).value(), uart_source);
    EXPECT_EQ(answer(plic + 0x20'1004, lw_a0), 4U);
    EXPECT_EQ(vcpu_.x[10], 0U);
    // The poll that makes it a listener.
    u32 polls = 0;
    while (answer(uart + 5, lb_a0) != 0) ++polls;
    EXPECT_EQ(polls, Uart::polls_that_mean_listening - 1);
    EXPECT_EQ(machine().console_room(), 0U);
    static_cast<void>(machine().read(Gpa{uart + 5}, device::Width::byte));
    EXPECT_NE(machine().console_room(), 0U);
    EXPECT_EQ(answer(uart + 5, lb_a0), 4U);
}

TEST_F(Lane, WaitsForNobodyWhoHasTheDevices) {
    EXPECT_EQ(answer(uart + 5, lb_a0), 4U);
    struct Visitor {
        Lane* lane;
        u64 said = 1;
        void operator()(std::string_view, std::string_view, u64) {
            said = said == 0 ? 0 : lane->answer(uart + 5, lb_a0);
        }
    } visitor{this};
    machine().counters(visitor);
    EXPECT_EQ(visitor.said, 0U);
    EXPECT_EQ(answer(uart + 5, lb_a0), 4U);
}

}  // namespace
}  // namespace antler::vm
