// Zeroing through the copy window.
#include "memory/zero.hpp"

namespace antler::memory {

bool ZeroJob::step(HartView& view, u64 bytes) {
    u64 todo = std::min((bytes + page_bytes - 1) & ~(page_bytes - 1), rest());
    while (todo != 0) {
        auto const at = page_.start() + done_;
        auto const in_granule = granule_bytes - at.offset_in(granule_bytes);
        auto const now = std::min(todo, in_granule);
        if (page_.pool() == Pool::house) {
            zero_block(house_view(at), now);
        } else if (page_.order() >= order_2m) {
            // One entry shows the whole granule, which is all ours.
            auto const window = view.open({at.align_down(granule_bytes), granule_bytes});
            zero_block(window.bytes().data() + at.offset_in(granule_bytes), now);
        } else {
            auto const window = view.open({at, now});
            zero_block(window.bytes().data(), now);
        }
        done_ += now;
        todo -= now;
    }
    return rest() == 0;
}

Page<Zeroed> zero(Page<Dirty>&& page, HartView& view) {
    ZeroJob job{std::move(page)};
    static_cast<void>(job.step(view, job.rest()));
    return std::move(job).finish();
}

}  // namespace antler::memory
