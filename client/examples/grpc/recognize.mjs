// Read the text of an image over gRPC: `node recognize.mjs 127.0.0.1:50052 receipt.jpg`.
// It reads the .proto files of the project, so nothing is generated.
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";

import grpc from "@grpc/grpc-js";
import { loadSync } from "@grpc/proto-loader";

const [address, path] = process.argv.slice(2);
const protos = fileURLToPath(new URL("../../../protos", import.meta.url));
const { imagemesh } = grpc.loadPackageDefinition(
  loadSync("imagemesh/ocr/v1/ocr_service.proto", { includeDirs: [protos] }),
);
const client = new imagemesh.ocr.v1.OcrService(address, grpc.credentials.createInsecure());

const request = { image: readFileSync(path), language: "eng" };
client.recognize(request, { deadline: Date.now() + 60_000 }, (error, answer) => {
  if (error) {
    console.error(`${grpc.status[error.code]}: ${error.details}`);
    process.exitCode = 1;
  } else {
    console.log(`${answer.text}\n[${answer.model.name}, ${answer.lines.length} lines]`);
  }
  client.close();
});
