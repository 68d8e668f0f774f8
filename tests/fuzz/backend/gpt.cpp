// Partition tables of any bytes, with sums that are right.
#include <cstring>
#include <span>
#include <vector>

#include "backend/gpt.hpp"
#include "base/panic.hpp"

extern "C" int LLVMFuzzerTestOneInput(antler::u8 const* data, antler::usize size) {
    using namespace antler;
    using namespace antler::backend;
    constexpr u64 disk_sectors = 1 << 16;
    if (size < 512) return 0;
    std::vector<u8> header(data, data + 512);
    std::vector<u8> entries(data + 512, data + size);
    auto const put = [&](usize at, u32 value) {
        for (usize i = 0; i < 4; ++i) header[at + i] = static_cast<u8>(value >> 8 * i);
    };
    std::memcpy(header.data(), "EFI PART", 8);
    put(12, 92);
    put(88, crc32(entries));
    put(16, 0);
    put(16, crc32(std::span{header}.first(92)));
    auto const read = read_gpt_header(header, 1, disk_sectors);
    if (!read) return 0;
    std::array<Partition, 16> found{};
    auto const count = read_gpt_entries(read.value(), entries, found);
    if (!count) return 0;
    VERIFY(count.value() <= found.size());
    for (usize i = 0; i < count.value(); ++i) {
        VERIFY(found[i].sectors != 0 && found[i].first < disk_sectors &&
               found[i].sectors <= disk_sectors - found[i].first);
        VERIFY(found[i].name().size() <= 36);
        (void)found[i].is_called("root");
    }
    return 0;
}
