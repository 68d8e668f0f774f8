// Any bits at all: the decoder stays in its ranges, and agrees with itself about expansion and
// transformation.
#include "isa/instruction.hpp"

#include <cstdlib>
#include <cstring>

namespace antler::isa {
namespace {

void require(bool holds) {
    if (!holds) std::abort();
}

void check_ranges(MemoryInstruction const& m) {
    require(m.width == 0 || m.width == 1 || m.width == 2 || m.width == 4 || m.width == 8 || m.width == 16);
    require(m.length == 2 || m.length == 4);
    require(m.reg < 32 && m.source < 32 && m.base < 32 && m.address_offset < 32);
    require(m.offset >= -2048 && m.offset < 2048);
    require(!m.pair || (m.op == MemoryOp::amo_cas && m.reg % 2 == 0 && m.source % 2 == 0));
}

template <Xlen X>
void check(u64 bits) {
    auto const raw = static_cast<u32>(bits);
    if (auto const memory = decode_memory<X>(raw)) {
        check_ranges(*memory);
        if (memory->length == 2) {
            auto expanded = decode_memory<X>(*expand_compressed<X>(static_cast<u16>(raw)));
            expanded->length = 2;
            require(expanded == memory && memory->is_basic());
        }
        u8 const offset = memory->width == 0 ? 0 : static_cast<u8>(bits >> 32 & 0x1f);
        auto const told = decode_trap_instruction<X>(transform_instruction<X>(raw, offset));
        auto expected = *memory;
        expected.base = 0;
        expected.offset = 0;
        expected.address_offset = offset;
        require(std::get<MemoryInstruction>(told) == expected);
        require(!decode_csr(raw) && !decode_privileged(raw));
    } else {
        require(transform_instruction<X>(raw, 0) == 0);
    }
    if (auto const csr = decode_csr(raw)) require(csr->reads() || csr->writes());

    auto const told = decode_trap_instruction<X>(bits);
    if (auto const* memory = std::get_if<MemoryInstruction>(&told)) {
        check_ranges(*memory);
        require(memory->base == 0 && memory->offset == 0 && bits >> 32 == 0);
    }
}

}  // namespace
}  // namespace antler::isa

extern "C" int LLVMFuzzerTestOneInput(unsigned char const* data, std::size_t size) {
    antler::u64 bits = 0;
    std::memcpy(&bits, data, size < sizeof bits ? size : sizeof bits);
    antler::isa::check<antler::isa::Xlen::rv64>(bits);
    antler::isa::check<antler::isa::Xlen::rv32>(bits);
    return 0;
}
