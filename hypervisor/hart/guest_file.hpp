// The guest interrupt files of this hart, which only the hart itself can read; and messages to any file.
#pragma once

#include "base/address.hpp"
#include "hart/csr.hpp"
#include "hart/fence.hpp"
#include "isa/imsic.hpp"

namespace antler::hart {

#if defined(__riscv)

// What vsiselect chooses.  The register exists, or this is our bug.
[[nodiscard]] inline u64 read_chosen() {
    return csr::vsireg::read();
}
inline void write_chosen(u64 value) {
    csr::vsireg::write(value);
}
inline void set_in_chosen(u64 bits) {
    csr::vsireg::set_bits(bits);
}
// A store to a file's page, after every store that came before it.                              [aia IPIs]
inline void send_message(Hpa page, u32 identity) {
    fence_io();
    *reinterpret_cast<u32 volatile*>(page.raw() + isa::seteipnum_le) = identity;
}

#else

[[nodiscard]] u64 read_chosen();  // tests/fake/hart.cpp
void write_chosen(u64 value);
void set_in_chosen(u64 bits);
void send_message(Hpa page, u32 identity);

#endif

// One file, for as long as this lives; what the guest that is loaded had chosen is as it was afterwards.
class OpenGuestFile {
public:
    // 1 to GEILEN.
    explicit OpenGuestFile(u32 file)
        : hstatus_{csr::hstatus::read_raw()}, select_{csr::vsiselect::read_raw()} {
        csr::hstatus::write_raw(isa::Hstatus::vgein::set(hstatus_, static_cast<u8>(file)));
    }
    ~OpenGuestFile() {
        csr::vsiselect::write_raw(select_);
        csr::hstatus::write_raw(hstatus_);
    }
    OpenGuestFile(OpenGuestFile const&) = delete;
    OpenGuestFile& operator=(OpenGuestFile const&) = delete;

    [[nodiscard]] u64 read(u16 select) const {
        csr::vsiselect::write_raw(select);
        return read_chosen();
    }
    void write(u16 select, u64 value) const {
        csr::vsiselect::write_raw(select);
        write_chosen(value);
    }
    // Sets bits, and loses none that another hart sets meanwhile.
    void set(u16 select, u64 bits) const {
        csr::vsiselect::write_raw(select);
        set_in_chosen(bits);
    }

private:
    u64 hstatus_;
    u64 select_;
};

}  // namespace antler::hart
