// Recordings are graphs: what is launched on the stream while it is captured.
#include "../common/backend.h"
#include "../common/recording.h"
#include "device.h"

namespace ct {
namespace {

struct CudaRecording : ct_recording {
  CudaHandle prepared = nullptr;
};

CudaRecording& cuda(ct_recording* recording) { return *static_cast<CudaRecording*>(recording); }

}  // namespace

const bool can_record = true;

ct_recording* begin_recording(ct_device* device) {
  CudaDevice& self = cuda(device);
  ct_recording* const recording = make_recording<CudaRecording>();
  if (!recording) return nullptr;
  const int error = self.driver.capture_begin(self.stream, cuda_capture_of_thread);
  if (error == cuda_success) return recording;
  delete_recording<CudaRecording>(recording);
  self.failed("ct_record_begin", error);
  return nullptr;
}

bool end_recording(ct_recording* recording) {
  CudaDevice& self = cuda(recording->device);
  CudaHandle graph = nullptr;
  int error = self.driver.capture_end(self.stream, &graph);
  if (error == cuda_success) {
    error = self.driver.graph_prepare(&cuda(recording).prepared, graph, 0);
  }
  if (graph) self.driver.graph_destroy(graph);
  return error == cuda_success || self.failed("ct_record_end", error);
}

bool replay_recording(ct_recording* recording) {
  CudaDevice& self = cuda(recording->device);
  const int error = self.driver.graph_launch(cuda(recording).prepared, self.stream);
  if (error != cuda_success) return self.failed("ct_recording_replay", error);
  self.last_call = "ct_recording_replay";
  self.last_kernel = "one";
  return true;
}

// An error of what was begun shows with the next call that waits.
void finish_recording(ct_recording* recording) {
  CudaDevice& self = cuda(recording->device);
  self.driver.stream_wait(self.stream);
}

void destroy_recording(ct_recording* recording) {
  CudaDevice& self = cuda(recording->device);
  if (cuda(recording).prepared) self.driver.prepared_destroy(cuda(recording).prepared);
  delete_recording<CudaRecording>(recording);
}

}  // namespace ct
