// Cognito's API.

import { configuration } from "./configuration.js";
import { ConnectionError, UserError } from "./dom.js";

export class SignInError extends UserError {}

/** Call an operation of Cognito; an error has its `code`. */
export async function cognito(operation, body) {
  const { sign_in_url: url, user_pool_client_id: clientId } = configuration;
  let answer;
  try {
    answer = await fetch(url, {
      method: "POST",
      headers: {
        "Content-Type": "application/x-amz-json-1.1",
        "X-Amz-Target": `AWSCognitoIdentityProviderService.${operation}`,
      },
      body: JSON.stringify({ ClientId: clientId, ...body }),
      signal: AbortSignal.timeout(20_000),
    });
  } catch {
    throw new ConnectionError("The sign-in service cannot be reached. Check your connection.");
  }
  const result = await answer.json().catch(() => ({}));
  if (answer.ok) return result;
  const code = String(result.__type ?? answer.status).split("#").pop();
  if (code === "ResourceNotFoundException") {
    throw new SignInError("The gallery was deployed again. Reload the page.");
  }
  throw Object.assign(new SignInError(result.message ?? `Sign-in failed: ${code}`), { code });
}
