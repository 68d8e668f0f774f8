// Every row of the register table gives back what it was given, and nothing that a guest could not hold.
#include "vm/register_table.hpp"

#include <gtest/gtest.h>

#include <cstring>
#include <vector>

#include "isa/extensions.hpp"
#include "tests/fake/guest_memory.hpp"
#include "tests/fake/hart.hpp"
#include "vm/vm.hpp"

namespace antler::vm {
namespace {

constexpr u64 vector_bytes = 32;

class RegisterTable : public testing::Test {
protected:
    explicit RegisterTable(isa::Features shown = isa::Features::all())
        : vm_{{.description = {.name = "test", .vcpus = 1, .memory_bytes = fake::GuestMemory::bytes},
               .shown = shown,
               .host_isa = {},
               .ids = {},
               .timebase = {10'000'000},
               .ram = memory_.ram()}} {
        if (shown.v) vcpu_.vector.registers = vectors_.data();
        vcpu_.home = &core_;
    }

    std::vector<u8> get(Register const& row) {
        std::vector<u8> bytes(width(row, vcpu_));
        EXPECT_TRUE(get_register(row, vcpu_, bytes)) << row.name;
        return bytes;
    }
    u64 get(std::string_view name) {
        u64 value = 0;
        auto const bytes = get(*find_register(name));
        std::memcpy(&value, bytes.data(), sizeof value);
        return value;
    }
    void set(std::string_view name, u64 value) {
        std::array<u8, sizeof value> bytes{};
        std::memcpy(bytes.data(), &value, sizeof value);
        EXPECT_TRUE(set_register(*find_register(name), vcpu_, bytes)) << name;
    }

    fake::GuestMemory memory_;
    Vm vm_;
    Core core_;
    Vcpu vcpu_{vm_, 0};
    std::array<u8, 32 * vector_bytes> vectors_{};
};

class RegisterTableOfLittle : public RegisterTable {
protected:
    RegisterTableOfLittle() : RegisterTable{isa::Features{}} {}
};

TEST_F(RegisterTable, EveryRowGivesBackWhatItHeldAfterEverythingElseWasSet) {
    std::vector<std::vector<u8>> held;
    u8 seed = 1;
    for (auto const& row : registers()) {
        std::vector<u8> bytes(width(row, vcpu_));
        for (auto& byte : bytes) byte = seed = static_cast<u8>(seed * 5 + 3);
        if (row.set != nullptr || row.get == nullptr)
            EXPECT_TRUE(set_register(row, vcpu_, bytes)) << row.name;
        held.push_back(get(row));
    }
    usize at = 0;
    for (auto const& row : registers()) {
        EXPECT_EQ(get(row), held[at]) << row.name;
        if (row.set != nullptr || row.get == nullptr) {
            EXPECT_TRUE(set_register(row, vcpu_, held[at])) << row.name;
            EXPECT_EQ(get(row), held[at]) << row.name << " does not take back what it gave";
        }
        ++at;
    }
}

TEST_F(RegisterTable, RowsAreFoundByNameAndByNumber) {
    for (auto const& row : registers()) {
        EXPECT_EQ(find_register(row.name), &row);
        EXPECT_EQ(find_register(row.number()), &row);
    }
    EXPECT_EQ(find_register("x0"), nullptr);
    EXPECT_EQ(find_register(0xffff'ffff), nullptr);
}

TEST_F(RegisterTable, NamesGoToTheRegistersThatTheyName) {
    set("x10", 0x1234);
    set("pc", 0x8000'0001);
    set("mode", 1);
    set("vsatp", 0);
    EXPECT_EQ(vcpu_.x[10], 0x1234u);
    EXPECT_EQ(vcpu_.pc, 0x8000'0000u);
    EXPECT_TRUE(isa::Sstatus::spp::get(vcpu_.sstatus));
    EXPECT_EQ(get("vlenb"), vector_bytes);
    set("htimedelta", 77);
    EXPECT_EQ(vm_.time_delta(), 77u);
}

TEST_F(RegisterTable, NothingIsHeldThatTheGuestCouldNotHaveWritten) {
    for (auto const* name :
         {"vsstatus", "vsie", "hvip", "senvcfg", "henvcfg", "sstateen0", "hstatus", "fcsr"})
        set(name, ~u64{0});
    EXPECT_EQ(get("vsie"), 0x222u);
    EXPECT_EQ(get("hvip"), 0x444u);
    EXPECT_EQ(get("fcsr"), 0xffu);
    EXPECT_EQ(get("sstateen0"), 0u);
    EXPECT_EQ(get("vsstatus") >> 32 & 3, 2u) << "guests have our width";
    // Pointer masking and shadow stacks have no rows, so their controls stay shut.
    EXPECT_EQ(isa::Senvcfg::pmm::get(get("senvcfg")), 0u);
    EXPECT_FALSE(isa::Henvcfg::sse::get(get("henvcfg")));
    EXPECT_TRUE(isa::Henvcfg::stce::get(get("henvcfg")));
    set("vtype", ~u64{0});
    EXPECT_EQ(get("vtype"), u64{1} << 63);
    set("vsatp", u64{7} << 60);  // no such mode
    EXPECT_EQ(get("vsatp"), 0u);
    set("hart_state", 99);
    EXPECT_EQ(vcpu_.hart_state.load(), abi::sbi::HartState::stopped);
}

TEST_F(RegisterTable, WhatIsSetIsLoadedEvenWhereTheHartStillHasTheOldOnes) {
    core_.floats_owner = &vcpu_;
    set("f3", 1);
    EXPECT_EQ(core_.floats_owner, nullptr);
}

TEST_F(RegisterTable, AVcpuThatIsLoadedIsBusy) {
    vcpu_.loaded = true;
    std::array<u8, 8> bytes{};
    EXPECT_EQ(get_register(*find_register("pc"), vcpu_, bytes).error(), Error::busy);
    EXPECT_EQ(set_register(*find_register("pc"), vcpu_, bytes).error(), Error::busy);
}

TEST_F(RegisterTable, WrongLengthsAndReadOnlyRowsAreRefused) {
    std::array<u8, 4> bytes{};
    EXPECT_EQ(get_register(*find_register("pc"), vcpu_, bytes).error(), Error::bad_format);
    EXPECT_EQ(set_register(*find_register("v0"), vcpu_, bytes).error(), Error::bad_format);
    std::array<u8, 8> word{};
    EXPECT_EQ(set_register(*find_register("vlenb"), vcpu_, word).error(), Error::denied);
}

TEST_F(RegisterTableOfLittle, AVmThatWasNotShownAnExtensionHasNoneOfItsRows) {
    for (auto const* name : {"f0", "fcsr", "v0", "vl", "vstimecmp", "senvcfg", "sstateen0"})
        EXPECT_FALSE(exists(*find_register(name), vcpu_)) << name;
    for (auto const* name : {"x1", "pc", "vsstatus", "sbi_timer"})
        EXPECT_TRUE(exists(*find_register(name), vcpu_)) << name;
}

TEST(RegisterTableRows, EveryExtensionOfferedWithStateHasARowThatIsThereWithIt) {
    for (auto const& extension : isa::extensions) {
        if (extension.offer != isa::Offer::with_state) continue;
        EXPECT_NE(state_of_extension(extension.name), nullptr) << extension.name;
    }
    EXPECT_EQ(state_of_extension("zicfiss"), nullptr);
    EXPECT_EQ(state_of_extension("no such thing"), nullptr);
}

}  // namespace
}  // namespace antler::vm
