// What a guest takes itself, what comes out of it instead, and how that is read.
#include "hart/delegation.hpp"

#include <gtest/gtest.h>

#include "hart/trap.hpp"
#include "isa/legalize.hpp"
#include "tests/fake/hart.hpp"

namespace antler::hart {
namespace {

TEST(Delegation, LeavesTheGuestItsOwnTrapsAndNothingElse) {
    RecordProperty("rules",
                   "norm:H_trap_deleg norm:hedeleg_op norm:hideleg_op norm:hedeleg_acc norm:hideleg_acc");
    fake::reset_hart();
    delegate_to_guests();
    auto const exceptions = csr::hedeleg::read_raw();
    EXPECT_EQ(exceptions, 0x4'b15fu);  // 0 to 4, 6, 8, 12, 13, 15 and 18
    EXPECT_EQ(csr::hideleg::read_raw(), 0x444u);
    // All of it is writable, by the manual.
    EXPECT_EQ(isa::legalize(isa::Hedeleg{}, isa::Hedeleg{exceptions}, isa::Features::all()).raw, exceptions);
    EXPECT_EQ(isa::legalize(isa::Hideleg{}, isa::Hideleg{0x444}, isa::Features{}).raw, 0x444u);
    // What is not delegated is what the hypervisor serves, or the guest's own that nobody may lose.
    for (u64 code = 0; code < 24; ++code) {
        auto const exit = isa::decode_exit(isa::TrapCsrs{.scause = code});
        bool const served = std::holds_alternative<isa::SbiCall>(exit) ||
                            std::holds_alternative<isa::GuestPageFault>(exit) ||
                            std::holds_alternative<isa::VirtualInstruction>(exit);
        if ((exceptions >> code & 1) != 0) EXPECT_TRUE(std::holds_alternative<isa::Reflect>(exit)) << code;
        if (served) EXPECT_EQ(exceptions >> code & 1, 0u) << code;
    }
}

TEST(Trap, IsReadFromTheRegistersThatAHartWrites) {
    RecordProperty("rules", "norm:H_trap_hs_csrwrites norm:htval_sz_acc_op norm:htinst_sz_acc_op");
    fake::reset_hart();
    auto& csrs = fake::hart().csrs;
    csrs[0x142] = 21;                                                      // scause
    csrs[0x143] = 0x1234;                                                  // stval
    csrs[0x643] = 0x567;                                                   // htval
    csrs[0x64a] = 0x3000;                                                  // htinst
    for (u16 const number : {0x241, 0x242, 0x243}) csrs[number] = 0xdead;  // the guest's own
    GuestRegisters registers{};
    registers.pc = 0x8000'0004;  // sepc and hstatus were saved with the rest
    registers.hstatus = isa::Hstatus::spv::mask | isa::Hstatus::gva::mask;
    auto const trap = read_trap(registers);
    EXPECT_EQ(trap.scause, 21u);
    EXPECT_EQ(trap.stval, 0x1234u);
    EXPECT_EQ(trap.htval, 0x567u);
    EXPECT_EQ(trap.htinst, 0x3000u);
    EXPECT_EQ(trap.sepc, 0x8000'0004u);
    EXPECT_TRUE(isa::get<isa::Hstatus::gva>(trap.hstatus));
}

struct Numbered {
    char const* name;
    u16 ours;
    u16 manuals;
};

// As "Control and Status Registers (CSRs)" of the manual lists them.
constexpr std::array hypervisors{
    Numbered{"hstatus", csr::hstatus::number, 0x600},
    Numbered{"hedeleg", csr::hedeleg::number, 0x602},
    Numbered{"hideleg", csr::hideleg::number, 0x603},
    Numbered{"hie", csr::hie::number, 0x604},
    Numbered{"htimedelta", csr::htimedelta::number, 0x605},
    Numbered{"hcounteren", csr::hcounteren::number, 0x606},
    Numbered{"hgeie", csr::hgeie::number, 0x607},
    Numbered{"henvcfg", csr::henvcfg::number, 0x60a},
    Numbered{"htval", csr::htval::number, 0x643},
    Numbered{"hip", csr::hip::number, 0x644},
    Numbered{"hvip", csr::hvip::number, 0x645},
    Numbered{"htinst", csr::htinst::number, 0x64a},
    Numbered{"hgatp", csr::hgatp::number, 0x680},
    Numbered{"hgeip", csr::hgeip::number, 0xe12},
};
// A guest's register is the supervisor's of that name, one level up.
constexpr std::array replicas{
    Numbered{"sstatus", csr::sstatus::number, csr::vsstatus::number},
    Numbered{"sie", csr::sie::number, csr::vsie::number},
    Numbered{"stvec", csr::stvec::number, csr::vstvec::number},
    Numbered{"sscratch", csr::sscratch::number, csr::vsscratch::number},
    Numbered{"sepc", csr::sepc::number, csr::vsepc::number},
    Numbered{"scause", csr::scause::number, csr::vscause::number},
    Numbered{"stval", csr::stval::number, csr::vstval::number},
    Numbered{"sip", csr::sip::number, csr::vsip::number},
    Numbered{"stimecmp", csr::stimecmp::number, csr::vstimecmp::number},
    Numbered{"siselect", csr::siselect::number, csr::vsiselect::number},
    Numbered{"satp", csr::satp::number, csr::vsatp::number},
};

TEST(CsrNumbers, AreThoseOfTheManualAndReplicasLieOneLevelUp) {
    RecordProperty("rules", "norm:H_csrs_hs_not_vs norm:H_vscsrs_sub norm:H_vscsrs_acc_m_hs");
    namespace n = isa::csr_number;
    for (auto const& row : hypervisors) {
        EXPECT_EQ(row.ours, row.manuals) << row.name;
        EXPECT_EQ(n::level(row.ours), n::Level::hypervisor) << row.name;  // VS-mode is refused there
    }
    for (auto const& row : replicas) {
        EXPECT_EQ(row.manuals, row.ours + 0x100) << row.name;
        EXPECT_EQ(n::level(row.ours), n::Level::supervisor) << row.name;
        EXPECT_EQ(n::level(row.manuals), n::Level::hypervisor) << row.name;
    }
}

}  // namespace
}  // namespace antler::hart
