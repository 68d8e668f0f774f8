// Any bytes for a kernel: an image whose pieces lie in order and hold what they say, or a sentence.
#include <cstdlib>

#include "cli/image.hpp"
#include "cli/layout.hpp"

extern "C" int LLVMFuzzerTestOneInput(antler::u8 const* data, std::size_t size) {
    using namespace antler;
    auto const image = cli::parse_kernel(cli::Bytes(data, data + size));
    if (!image) {
        if (image.error().empty() || image.error().find('\n') != std::string::npos) std::abort();
        return 0;
    }
    if (image->segments.empty()) std::abort();
    Gpa end{};
    for (auto const& segment : image->segments) {
        if (segment.at < end || segment.end() < segment.at) std::abort();
        if (segment.bytes.size() > segment.memory_bytes) std::abort();
        end = segment.end();
    }
    for (u64 const memory : {u64{4} << 20, u64{512} << 20}) {
        auto const layout = cli::lay_out(memory, *image, size);
        if (layout && (*layout->initrd < end || *layout->initrd + size > layout->dtb)) std::abort();
    }
    return 0;
}
