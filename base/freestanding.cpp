// What the C++ library calls where it would throw.
namespace std {
inline namespace __1 {
[[noreturn]] void __libcpp_verbose_abort(char const*, ...) noexcept {
    __builtin_trap();
}
}  // namespace __1
}  // namespace std
