// The fuzzer chooses what is mapped, unmapped, protected, split and merged; the model says what must come of
// it.
#include <cstddef>

#include "tests/fake/memory_program.hpp"

extern "C" int LLVMFuzzerTestOneInput(antler::u8 const* bytes, std::size_t count) {
    using namespace antler;
    fake::ByteChoices choices{bytes, count};
    switch (choices.below(3)) {
        case 0: {
            fake::TreeProgram<isa::Xlen::rv32> program{isa::sv32x4, false, choices};
            program.run(400);
            program.finish();
            break;
        }
        case 1: {
            fake::TreeProgram<isa::Xlen::rv64> program{isa::sv48x4, false, choices};
            program.run(400);
            program.finish();
            break;
        }
        default: {
            fake::TreeProgram<isa::Xlen::rv64> program{isa::sv39x4, true, choices};
            program.run(400);
            program.finish();
        }
    }
    return 0;
}
