// The decoder against binutils' disassembler: all 16-bit encodings and a million 32-bit ones, both ways.
#include <gtest/gtest.h>

#include <map>
#include <random>

#include "tests/model/isa/binutils.hpp"
#include "tests/model/isa/instruction_text.hpp"

namespace antler::isa::model {
namespace {

// "c.lwsp x1,0(x2)" is what "lw x1,0(x2)" is called when it takes 16 bits.
[[nodiscard]] std::string without_compression(std::string text) {
    if (!text.starts_with("c.")) return text;
    text.erase(0, 2);
    auto const space = text.find(' ');
    if (space != std::string::npos && space > 3 && text.compare(space - 2, 2, "sp") == 0)
        text.erase(space - 2, 2);
    return text;
}

[[nodiscard]] bool accesses_memory(std::string const& text) {
    return text.find('(') != std::string::npos;
}

// Instructions with a memory operand, or with one of our opcodes, that the decoder leaves to others on
// purpose.
[[nodiscard]] bool left_to_others(std::string const& text) {
    for (char const* prefix : {
             "jalr ", "c.jalr ", "c.jr ",      // the operand is a jump's target
             "prefetch.",                      // hints: they never fault
             "v",                              // vectors are not emulated on devices
             "ecall", "ebreak",                // they trap by themselves, with causes of their own
             "uret", "hret", "dret", "mnret",  // of modes and extensions that no guest has: reflected
         })
        if (text.starts_with(prefix)) return true;
    return text == "sfence.vm" || text.starts_with("sfence.vm ");  // of privileged architecture 1.9
}

// What this release of binutils is too old to name, and floats of 128 bits, which it keeps from RV32.
[[nodiscard]] bool too_new(MemoryInstruction const& m, Knowledge const& knows) {
    if (m.width == 16 && m.file == RegisterFile::floating) return !knows.quad;
    if (m.length == 2 && m.width <= 2 && m.file == RegisterFile::integer) return !knows.zcb;
    if (m.op == MemoryOp::load_acquire || m.op == MemoryOp::store_release) return !knows.zalasr;
    if (m.op == MemoryOp::amo_cas) return !knows.zacas || (m.width <= 2 && !knows.zabha);
    return !m.is_basic() && m.width <= 2 && !knows.zabha;
}

class Comparison {
public:
    Comparison(Xlen x, Knowledge const& knows) : x_{x}, knows_{knows} {}

    void compare(u32 raw, Disassembled const& theirs) {
        auto const ours =
            x_ == Xlen::rv64 ? decode_instruction<Xlen::rv64>(raw) : decode_instruction<Xlen::rv32>(raw);
        if (!ours) {
            bool const ours_to_know =
                theirs.known() && (accesses_memory(theirs.text) || (raw & 0x7f) == 0x73);
            if (ours_to_know && !left_to_others(theirs.text)) complain(raw, theirs.text, "nothing");
            return;
        }
        ++decoded;
        if (auto const* memory = std::get_if<MemoryInstruction>(&*ours)) {
            if (!theirs.known() && too_new(*memory, knows_)) return;
            expect(raw, theirs.text, text(*memory));
        } else if (auto const* csr = std::get_if<CsrInstruction>(&*ours)) {
            // A write of the read-only cycle is what assemblers call unimp.
            auto const named = theirs.text == "unimp" ? "csrrw x0,0xc00,x0" : theirs.text;
            expect(raw, with_csr_number(named, csr->csr), text(*csr));
        } else {
            expect(raw, theirs.text, text(std::get<PrivilegedInstruction>(*ours)));
        }
    }

    u64 decoded = 0;
    u64 wrong = 0;
    std::map<std::string, u64> mnemonics;

private:
    void complain(u32 raw, std::string const& theirs, std::string const& ours) {
        if (++wrong <= 20)
            ADD_FAILURE() << fmt::format("{:#x} is \"{}\" to binutils and \"{}\" to us", raw, theirs, ours);
    }

    void expect(u32 raw, std::string const& theirs, std::string const& ours) {
        ++mnemonics[theirs.substr(0, theirs.find(' '))];
        if (without_compression(theirs) != ours) complain(raw, theirs, ours);
    }

    // binutils prints the names of CSRs that it knows.  Each number must always have the same name, and each
    // name the same number.
    std::string with_csr_number(std::string const& theirs, u16 number) {
        auto const first = theirs.find(',');
        auto const second = theirs.find(',', first + 1);
        if (first == std::string::npos || second == std::string::npos) return theirs;
        auto const name = theirs.substr(first + 1, second - first - 1);
        auto const numeric = fmt::format("{:#x}", number);
        if (name != numeric) {
            auto const by_number = names_.emplace(number, name).first;
            auto const by_name = numbers_.emplace(name, number).first;
            if (by_number->second != name || by_name->second != number) return theirs;
        }
        return theirs.substr(0, first + 1) + numeric + theirs.substr(second);
    }

    Xlen x_;
    Knowledge const& knows_;
    std::map<u16, std::string> names_;
    std::map<std::string, u16> numbers_;
};

void compare_compressed(Xlen x) {
    Binutils binutils{x};
    std::vector<u32> encodings;
    for (u32 raw = 0; raw <= 0xffff; ++raw)
        if ((raw & 3) != 3) encodings.push_back(raw);
    auto const theirs = binutils.disassemble(encodings, 2);
    Comparison comparison{x, binutils.knows()};
    for (usize i = 0; i < encodings.size(); ++i) comparison.compare(encodings[i], theirs[i]);
    EXPECT_EQ(comparison.wrong, 0U);
    // Five quadrant rows of 2^11 registers and offsets each way, but for x0, and Zcb.
    EXPECT_GT(comparison.decoded, 20'000U);
}

// An encoding that begins at random and is then drawn to where the instructions are.
[[nodiscard]] u32 biased(std::mt19937_64& random) {
    static constexpr u32 opcodes[] = {0x03, 0x07, 0x0f, 0x23, 0x27, 0x2f, 0x2f, 0x2f, 0x73, 0x73, 0x73, 0x73};
    auto raw = static_cast<u32>(random()) | 3;
    auto const dice = random();
    if (dice % 16 == 0) return (raw & 0x1c) == 0x1c ? raw & ~u32{0x10} : raw;  // anything of 32 bits
    raw = (raw & ~u32{0x7f}) | opcodes[(dice >> 8) % std::size(opcodes)];
    auto const put = [&](unsigned high, unsigned low, u32 value) {
        u32 const mask = ((u32{1} << (high - low + 1)) - 1) << low;
        raw = (raw & ~mask) | (value << low & mask);
    };
    if ((dice >> 16 & 3) == 0) put(11, 7, 0);
    if ((dice >> 18 & 3) == 0) put(24, 20, 0);
    if ((dice >> 18 & 3) == 1) put(24, 20, static_cast<u32>(dice >> 40) & 3);
    if ((dice >> 20 & 7) == 0) put(19, 15, 0);
    switch (raw & 0x7f) {
        case 0x0f:
            put(14, 12, 2);
            if ((dice >> 24 & 1) == 0) put(31, 23, 0);
            break;
        case 0x2f:
            if ((dice >> 24 & 3) != 0) put(14, 12, 2 + (static_cast<u32>(dice >> 28) & 1));
            break;
        case 0x73:
            if ((dice >> 24 & 3) == 0) put(14, 12, 0);
            if ((dice >> 24 & 3) == 1) put(14, 12, 4);
            if ((dice >> 28 & 1) == 0) put(31, 28, 6);  // hlv and hsv
            if ((dice >> 28 & 3) == 1)
                put(31, 25, (static_cast<u32>(dice >> 32) & 0x33) | 0x08);  // returns and fences
            break;
        default: break;
    }
    return raw;
}

void compare_random(Xlen x, u64 seed, usize count) {
    Binutils binutils{x};
    std::mt19937_64 random{seed};
    std::vector<u32> encodings;
    for (u32 const row :
         {0x1050'0073U, 0x1020'0073U, 0x3020'0073U, 0x00d0'0073U, 0x01d0'0073U, 0x1800'0073U, 0x1810'0073U})
        encodings.push_back(row);
    while (encodings.size() < count) encodings.push_back(biased(random));
    auto const theirs = binutils.disassemble(encodings, 4);
    Comparison comparison{x, binutils.knows()};
    for (usize i = 0; i < encodings.size(); ++i) comparison.compare(encodings[i], theirs[i]);
    EXPECT_EQ(comparison.wrong, 0U);
    EXPECT_GT(comparison.decoded, count / 4);
    // Every row of the tables was met.
    for (char const* name : {"lb",
                             "lbu",
                             "lh",
                             "lhu",
                             "lw",
                             "flh",
                             "flw",
                             "fld",
                             "sb",
                             "sh",
                             "sw",
                             "fsh",
                             "fsw",
                             "fsd",
                             "lr.w",
                             "sc.w.aqrl",
                             "amoswap.w",
                             "amoadd.w.aq",
                             "amoxor.w.rl",
                             "amoand.w",
                             "amoor.w",
                             "amomin.w",
                             "amomax.w",
                             "amominu.w",
                             "amomaxu.w",
                             "hlv.b",
                             "hlv.bu",
                             "hlv.h",
                             "hlv.hu",
                             "hlvx.hu",
                             "hlv.w",
                             "hlvx.wu",
                             "hsv.b",
                             "hsv.h",
                             "hsv.w",
                             "cbo.inval",
                             "cbo.clean",
                             "cbo.flush",
                             "cbo.zero",
                             "csrrw",
                             "csrrs",
                             "csrrc",
                             "csrrwi",
                             "csrrsi",
                             "csrrci",
                             "wfi",
                             "sret",
                             "mret",
                             "wrs.nto",
                             "wrs.sto",
                             "sfence.vma",
                             "sinval.vma",
                             "hfence.vvma",
                             "hfence.gvma",
                             "hinval.vvma",
                             "hinval.gvma",
                             "sfence.w.inval",
                             "sfence.inval.ir"})
        EXPECT_GT(comparison.mnemonics[name], 0U) << name;
    if (x == Xlen::rv64)
        for (char const* name : {"ld", "lwu", "sd", "flq", "fsq", "lr.d.aq", "sc.d", "amoadd.d.aqrl",
                                 "hlv.wu", "hlv.d", "hsv.d"})
            EXPECT_GT(comparison.mnemonics[name], 0U) << name;
}

TEST(DecoderAgainstBinutils, AgreesOnEvery16BitEncodingOfRv64) {
    compare_compressed(Xlen::rv64);
}
TEST(DecoderAgainstBinutils, AgreesOnEvery16BitEncodingOfRv32) {
    compare_compressed(Xlen::rv32);
}
TEST(DecoderAgainstBinutils, AgreesOnAMillion32BitEncodingsOfRv64) {
    compare_random(Xlen::rv64, 20, 1'000'000);
}
TEST(DecoderAgainstBinutils, AgreesOnManyEncodingsOfRv32) {
    compare_random(Xlen::rv32, 26, 200'000);
}

}  // namespace
}  // namespace antler::isa::model
