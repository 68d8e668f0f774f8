// A hart's end of the devices' wires: of a PLIC, of an APLIC, or of an APLIC and the hart's interrupt file.
#pragma once

#include "guests/lib/guest.hpp"

namespace antler::guests {

// Which of the three the device tree names; a driver need not know.  Belongs to one hart.
class Wires {
public:
    explicit Wires(u64 hart);

    enum class Kind : u8 { plic, aplic, aia };
    [[nodiscard]] Kind kind() const { return kind_; }
    // This hart hears of the source from now on, while it is high.
    void open(u32 source) const;
    void close(u32 source) const;
    // Nothing comes until the next unmask().
    void mask() const;
    void unmask() const;
    // Who calls; zero: nobody.  Then the device is made quiet, and the source completed.
    [[nodiscard]] u32 claim() const;
    void complete(u32 source) const;
    // It waits for its claim, also while all is masked.
    [[nodiscard]] bool pending(u32 source) const;

    // A register of a PLIC that may be read at any time.
    [[nodiscard]] u64 plic_threshold() const { return base_ + 0x20'0000 + index_ * 0x1000; }
    // And one of an APLIC: that of its domain.
    [[nodiscard]] u64 aplic_domain() const { return base_; }

private:
    [[nodiscard]] u64 enable_word(u32 source) const {
        return base_ + 0x2000 + index_ * 0x80 + source / 32 * 4;
    }
    [[nodiscard]] u64 idc() const;

    Kind kind_ = Kind::plic;
    u64 base_ = 0;   // of the PLIC or APLIC
    u32 index_ = 0;  // of the hart there: a context, a hart index
};

}  // namespace antler::guests
