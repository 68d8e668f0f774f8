// The debug console: bytes to and from guest memory, a bounded number a call.
#include "sbi/debug_console.hpp"

#include <algorithm>
#include <string_view>

#include "vm/outside.hpp"
#include "vm/vm.hpp"

namespace antler::sbi::debug_console {

using abi::sbi::DebugConsoleFid;

namespace {

// Both functions may move fewer bytes than asked: this bounds the time of a call.   [sbi ext-debug-console]
constexpr u64 most_bytes = 256;

struct Buffer {
    std::array<u8, most_bytes> bytes;
    usize size = 0;
    [[nodiscard]] std::span<u8> used() { return std::span{bytes}.first(size); }
};

// All of the caller's range must be its memory, though we touch only its beginning; the upper half of the
// address is beyond what RV64 has.  No bytes are nowhere, hence right.   [sbi binary-encoding]
bool is_shared_memory(vm::Vm& vm, Call const& call) {
    auto const [bytes, low, high] = std::array{call.a[0], call.a[1], call.a[2]};
    return bytes == 0 || (high == 0 && vm.ram().contains(Gpa{low}, bytes));
}

Next write(vm::Vcpu& caller, Call const& call) {
    auto& vm = caller.vm;
    if (!is_shared_memory(vm, call)) return answer(caller, Status::invalid_param);
    Buffer buffer;
    buffer.size = std::min(call.a[0], most_bytes);
    if (buffer.size == 0) return answer(caller, Status::success, 0);
    if (!vm.ram().read(Gpa{call.a[1]}, buffer.used())) return answer(caller, Status::failed);
    console_write(vm, std::string_view{reinterpret_cast<char const*>(buffer.bytes.data()), buffer.size});
    return answer(caller, Status::success, buffer.size);
}

Next read(vm::Vcpu& caller, Call const& call) {
    auto& vm = caller.vm;
    if (!is_shared_memory(vm, call)) return answer(caller, Status::invalid_param);
    Buffer buffer;
    buffer.size = std::min(call.a[0], most_bytes);
    buffer.size = vm.machine().console_take(buffer.used());
    if (buffer.size == 0) return answer(caller, Status::success, 0);
    if (!vm.ram().write(Gpa{call.a[1]}, buffer.used())) return answer(caller, Status::failed);
    return answer(caller, Status::success, buffer.size);
}

Next write_byte(vm::Vcpu& caller, Call const& call) {
    auto const byte = static_cast<char>(call.a[0]);
    console_write(caller.vm, {&byte, 1});
    return answer(caller, Status::success);
}

}  // namespace

Next handle(vm::Vcpu& vcpu, Call const& call) {
    auto const function = function_of(call, DebugConsoleFid::console_write_byte);
    if (!function) return answer(vcpu, Status::not_supported);
    switch (*function) {
        case DebugConsoleFid::console_write: return write(vcpu, call);
        case DebugConsoleFid::console_read: return read(vcpu, call);
        case DebugConsoleFid::console_write_byte: return write_byte(vcpu, call);
    }
    return answer(vcpu, Status::not_supported);
}

}  // namespace antler::sbi::debug_console
