// Zeroing: of one page, and of long ones in steps with interrupts taken between them.
#pragma once

#include <algorithm>
#include <optional>

#include "base/units.hpp"
#include "memory/frames.hpp"
#include "memory/hart_view.hpp"

namespace antler::memory {

// Takes a dirty page in and lets it out when every byte is zero.
class ZeroJob {
public:
    explicit ZeroJob(Page<Dirty>&& page) : page_{std::move(page)} {}

    // True when all is done.  `bytes` is rounded up to whole pages.
    [[nodiscard]] bool step(HartView& view, u64 bytes);
    // The same of a guest's 2 MiB, from step to step for as long as nobody wants this hart.
    [[nodiscard]] bool run(HartView& view, u64 step) {
        auto const window = view.open({page_.start(), granule_bytes});
        done_ += zero_until_asked(window.bytes().data() + done_, rest(), step);
        return rest() == 0;
    }
    [[nodiscard]] u64 rest() const { return page_.bytes() - done_; }

    [[nodiscard]] Page<Zeroed> finish() && {
        VERIFY(rest() == 0);
        return PageMaker::make<Zeroed>(PageMaker::unmake(std::move(page_)));
    }
    // Gives up: the page is as dirty as ever.
    [[nodiscard]] Page<Dirty> abandon() && { return std::move(page_); }

private:
    Page<Dirty> page_;
    u64 done_ = 0;
};

// At once; for pages up to 2 MiB.
[[nodiscard]] Page<Zeroed> zero(Page<Dirty>&& page, HartView& view);

}  // namespace antler::memory
