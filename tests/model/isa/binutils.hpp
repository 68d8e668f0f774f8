// The disassembler of binutils, as a function from encodings to text.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "isa/instruction.hpp"

namespace antler::isa::model {

struct Disassembled {
    std::string text;  // "lw x10,8(x11)", or empty where binutils knows no such instruction
    bool known() const { return !text.empty(); }
};

// Which extensions this release of binutils understands beyond what every release since 2.39 does.
struct Knowledge {
    std::string march;
    bool quad = false;  // Q
    bool zcb = false;
    bool zacas = false;
    bool zabha = false;
    bool zalasr = false;
};

class Binutils {
public:
    explicit Binutils(Xlen x);
    ~Binutils();
    Binutils(Binutils const&) = delete;
    Binutils& operator=(Binutils const&) = delete;

    [[nodiscard]] Knowledge const& knows() const { return knowledge_; }

    // One entry for each encoding, in order.  All must have the length given: 2 or 4 bytes.
    [[nodiscard]] std::vector<Disassembled> disassemble(std::vector<u32> const& encodings, unsigned length);

private:
    [[nodiscard]] bool assembles(std::string const& march) const;

    std::string folder_;
    Knowledge knowledge_;
};

}  // namespace antler::isa::model
