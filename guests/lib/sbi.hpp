// Calls to whoever is below: firmware on a board, Antler in a virtual machine.
#pragma once

#include "abi/sbi.hpp"
#include "base/types.hpp"

namespace antler::guests::sbi {

using namespace abi::sbi;

inline Return call(u64 eid, u64 fid, u64 a = 0, u64 b = 0, u64 c = 0, u64 d = 0, u64 e = 0) {
    register u64 a0 asm("a0") = a;
    register u64 a1 asm("a1") = b;
    register u64 a2 asm("a2") = c;
    register u64 a3 asm("a3") = d;
    register u64 a4 asm("a4") = e;
    register u64 a6 asm("a6") = fid;
    register u64 a7 asm("a7") = eid;
    asm volatile("ecall" : "+r"(a0), "+r"(a1) : "r"(a2), "r"(a3), "r"(a4), "r"(a6), "r"(a7) : "memory");
    return {static_cast<Status>(static_cast<i64>(a0)), a1};
}

template <class Fid>
Return call(Eid eid, Fid fid, u64 a = 0, u64 b = 0, u64 c = 0, u64 d = 0, u64 e = 0) {
    return call(static_cast<u64>(eid), static_cast<u64>(fid), a, b, c, d, e);
}

inline bool offers(Eid eid) {
    return call(Eid::base, BaseFid::probe_extension, static_cast<u64>(eid)).value != 0;
}
// Where firmware takes liberties with the text of the SBI, only Antler is held to it.
inline bool by_antler() {
    return call(Eid::base, BaseFid::get_impl_id).value == implementation_id;
}
inline Return set_timer(u64 ticks) {
    return call(Eid::time, TimeFid::set_timer, ticks);
}
inline Return send_ipi(u64 mask, u64 base = 0) {
    return call(Eid::ipi, IpiFid::send_ipi, mask, base);
}
inline Return remote_sfence(u64 mask, u64 base, u64 start, u64 size) {
    return call(Eid::rfence, RfenceFid::remote_sfence_vma, mask, base, start, size);
}
inline Return hart_start(u64 id, u64 entry, u64 opaque) {
    return call(Eid::hart_state, HartStateFid::hart_start, id, entry, opaque);
}
inline Return hart_stop() {
    return call(Eid::hart_state, HartStateFid::hart_stop);
}
inline Return hart_status(u64 id) {
    return call(Eid::hart_state, HartStateFid::hart_get_status, id);
}
inline Return hart_suspend(u64 type, u64 resume = 0, u64 opaque = 0) {
    return call(Eid::hart_state, HartStateFid::hart_suspend, type, resume, opaque);
}
inline Return reset(ResetType type, ResetReason reason) {
    return call(Eid::system_reset, SystemResetFid::system_reset, static_cast<u64>(type),
                static_cast<u64>(reason));
}

}  // namespace antler::guests::sbi
